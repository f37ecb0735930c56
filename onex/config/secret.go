package config

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Redacted is what a secret prints as.
const Redacted = "[redacted]"

// Secret is a text that prints redacted wherever it goes: fmt with any verb, slog, JSON, YAML and
// text. Only Reveal returns it. The zero Secret is empty. It is safe for concurrent use.
//
// A Secret that was resolved for a node is live: once its store has another value, Reveal returns that.
// So keep the Secret and reveal it where it is used, not once at the start.
//
// The text sits behind a pointer because fmt does not call the methods of unexported fields: a
// struct with a Secret in one prints an address instead of the text.
type Secret struct{ text *atomic.Pointer[string] }

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret {
	s := Secret{new(atomic.Pointer[string])}
	s.text.Store(&text)
	return s
}

// Reveal returns the text. Its callers are the places to look at when a secret leaks.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text.Load()
}

// replace lets every copy of s reveal another text.
func (s Secret) replace(text string) { s.text.Store(&text) }

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns Redacted.
func (s Secret) String() string { return Redacted }

// GoString returns Redacted.
func (s Secret) GoString() string { return Redacted }

// Format prints Redacted for every verb, so that %x and %q reveal nothing either.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON and YAML encoders use too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

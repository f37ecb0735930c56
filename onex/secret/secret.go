// Package secret is the port to where a node's secrets are kept, with the adapter that reads them
// from a file. Vault implements the same port in internal/vault; package secrettest is the suite
// that both must pass.
//
// A store is the first step of the configuration cascade (package config). It is only ever read
// through this port; writing secrets is a matter of provisioning.
package secret

import (
	"context"
	"fmt"

	"github.com/omninode-ai/omninode/onex/config"
)

// Store reads secrets. Implementations are safe for concurrent use and bound every call in time.
type Store interface {
	// Get returns the secret key of node, or false if there is none. An error means that the store
	// cannot tell, which must never be treated as absence.
	Get(ctx context.Context, node, key string) (value string, found bool, err error)
}

// Locator is implemented by stores that can tell people where a secret belongs.
type Locator interface {
	// Where returns the place in the imperative: "write it to Vault at secret/omninode/payment".
	Where(node, key string) string
}

// Source makes a store the first step of the configuration cascade. name is what people see as the
// source of a value, e.g. "vault".
func Source(name string, s Store) config.Source {
	src := config.Source{
		Name:        name,
		SecretsOnly: true,
		Lookup: func(ctx context.Context, node string, set config.Setting) (string, bool, error) {
			return s.Get(ctx, node, set.Key)
		},
	}
	if l, ok := s.(Locator); ok {
		src.Where = func(node string, set config.Setting) string { return l.Where(node, set.Key) }
	}
	return src
}

// UnavailableError says that a store cannot answer, why, and what to do about it.
type UnavailableError struct {
	Store  string // "vault at http://vault:8200"
	Reason string // "is sealed"
	Fix    string // "unseal it with: vault operator unseal"
	Err    error  // nil if the reason says it all
}

func (e *UnavailableError) Error() string {
	msg := fmt.Sprintf("%s %s", e.Store, e.Reason)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Fix != "" {
		msg += "; " + e.Fix
	}
	return msg
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

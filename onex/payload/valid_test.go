package payload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/payload"
)

func documents() []string {
	return []string{
		``, ` `, `null`, `true`, `false`, `nul`, `truE`, `0`, `-0`, `00`, `-`, `1.`, `.5`, `1.5e`, `1.5e+10`, `-12.0E-3`, `1e5x`, `""`, `"`, `"\`,
		`"\"\\\/\b\f\n\r\t\u00e9"`, `"\u00g9"`, `"\u00`, `"\x"`, "\"\x1f\"", "\"\xff\"", `{}`, `[]`, `{`, `[`, `[1,]`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`,
		` { "a" : [ 1 , { "b" : null } , "c" ] , "d" : -1.5e3 } `, `{"a":1}{"b":2}`, `[1 2]`, `[1,2`, `{"a":1,"a":2}`, "\ufeff{}", "[\x00]",
		"[\"sixteen is enough\", \"é is not ASCII, \\\" is escaped\"]",
	}
}

// TestValid: the answer is that of encoding/json for documents, for all that differ from them in one
// byte, and for values nested as deep as it allows.
func TestValid(t *testing.T) {
	t.Parallel()
	for _, doc := range documents() {
		agrees(t, []byte(doc))
		for i := range doc {
			agrees(t, []byte(doc[:i]+doc[i+1:]))
			for c := range 256 {
				agrees(t, []byte(doc[:i]+string([]byte{byte(c)})+doc[i+1:]))
			}
		}
	}
	for _, depth := range []int{9_999, 10_000, 10_001, 100_000} {
		agrees(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		agrees(t, []byte(strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)))
	}
}

func agrees(t *testing.T, data []byte) {
	t.Helper()
	if got, want := payload.Valid(data), json.Valid(data); got != want {
		t.Errorf("valid %.80q: got %t, want %t", data, got, want)
	}
}

func FuzzValid(f *testing.F) {
	for _, doc := range documents() {
		f.Add([]byte(doc))
	}
	f.Fuzz(agrees)
}

func BenchmarkValid(b *testing.B) {
	data := []byte(`{"n":1,"lines":[` + strings.Repeat(`{"quantity":12,"sku":"sku-12345678","unit_cents":4711},`, 8) + `null],"note":"` + strings.Repeat("words ", 70) + `"}`)
	for name, valid := range map[string]func([]byte) bool{"ours": payload.Valid, "encoding/json": json.Valid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if !valid(data) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

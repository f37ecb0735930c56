package contract

import (
	"bytes"
	"testing"
)

// FuzzFix checks that fixing neither panics nor makes a contract worse, and that a second run finds
// nothing more to do.
func FuzzFix(f *testing.F) {
	for _, src := range corpus(f) {
		f.Add(src)
	}
	for _, in := range hostile() {
		if len(in.src) < 4096 {
			f.Add(in.src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		const file = "contract.yaml"
		_, before := Parse(file, src)
		r := Fix(map[string][]byte{file: src}, alone)
		fixed, changed := r.Files[file]
		if changed == (len(r.Fixed) == 0) || hides(r.Left) && !hides(before) {
			t.Fatalf("%q: fixed %v, left %v", src, r.Fixed, r.Left)
		}
		if !changed {
			return
		}
		if again := Fix(map[string][]byte{file: bytes.Clone(fixed)}, alone); len(again.Files) > 0 {
			t.Fatalf("a second run makes\n%s", Diff(file, fixed, again.Files[file]))
		}
	})
}

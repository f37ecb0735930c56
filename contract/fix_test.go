package contract

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestFix checks what Fix makes of the contracts of testdata/fix: NAME.yaml becomes NAME.fixed and
// keeps the mistakes of NAME.left.
func TestFix(t *testing.T) {
	t.Parallel()
	eachArchive(t, "fix", func(t *testing.T, a *txtar.Archive) {
		files := content(a)
		for i, f := range a.Files {
			name, isCase := strings.CutSuffix(f.Name, ".yaml")
			if !isCase {
				continue
			}
			r := Fix(map[string][]byte{f.Name: f.Data}, alone)
			got, left := f.Data, lines(r.Left)
			if changed, ok := r.Files[f.Name]; ok {
				got = changed
			}
			if *update {
				a.Files[i+1] = txtar.File{Name: name + ".fixed", Data: got}
				a.Files[i+2] = txtar.File{Name: name + ".left", Data: []byte(left)}
				continue
			}
			if want := files[name+".fixed"]; string(got) != want {
				t.Errorf("%s becomes\n%s", name, Diff(f.Name, []byte(want), got))
			}
			if want := files[name+".left"]; left != want {
				t.Errorf("%s keeps\n%swant\n%s", name, left, want)
			}
		}
	})
}

// alone checks contracts one by one.
func alone(files map[string][]byte) Diagnostics {
	var all Diagnostics
	for file, src := range files {
		_, ds := Parse(file, src)
		all = append(all, ds...)
	}
	return all
}

// TestFixCorpus fixes every contract of the corpus: no run makes one worse, loses a comment, or
// leaves something that a second run would change.
func TestFixCorpus(t *testing.T) {
	t.Parallel()
	n := 0
	for file, src := range corpus(t) {
		src = commented(src)
		_, before := Parse(file, src)
		r := Fix(map[string][]byte{file: src}, alone)
		fixed, changed := r.Files[file]
		if !changed {
			continue
		}
		n++
		if bytes.Count(fixed, []byte("# note")) != bytes.Count(src, []byte("# note")) {
			t.Errorf("%s: a comment is lost:\n%s", file, Diff(file, src, fixed))
		}
		if len(r.Fixed) == 0 || hides(r.Left) && !hides(before) {
			t.Errorf("%s: %d mistakes became %d:\n%s", file, len(before), len(r.Left), Diff(file, src, fixed))
		}
		if again := Fix(map[string][]byte{file: fixed}, alone); len(again.Files) > 0 {
			t.Errorf("%s: a second run changes more:\n%s", file, Diff(file, fixed, again.Files[file]))
		}
	}
	if n < 20 {
		t.Errorf("only %d contracts of the corpus can be fixed", n)
	}
}

func hides(ds Diagnostics) bool {
	for _, d := range ds {
		if unreadable(d.Rule) {
			return true
		}
	}
	return false
}

// commented adds a comment to each line where that cannot change what the line means.
func commented(src []byte) []byte {
	if bytes.ContainsAny(src, "|>\"'\r") {
		return src
	}
	return bytes.ReplaceAll(src, []byte("\n"), []byte("  # note\n"))
}

// corpus returns every contract of testdata and of the explanations.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	var all []string
	for _, dir := range []string{"testdata/*", "rules"} {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.txtar"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no corpus in %s: %v", dir, err)
		}
		all = append(all, files...)
	}
	contents := map[string][]byte{}
	for _, file := range all {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if strings.HasSuffix(f.Name, ".yaml") {
				contents[filepath.Base(file)+"/"+f.Name] = f.Data
			}
		}
	}
	return contents
}

// TestFixRefusesHarm gives Fix edits that do harm: none of them is applied.
func TestFixRefusesHarm(t *testing.T) {
	t.Parallel()
	src := []byte("ab\n")
	for name, after := range map[string]Diagnostics{
		"the mistake stays": {{Rule: ruleBadValue, Message: "wrong"}},
		"another one comes": {{Rule: ruleMissingKey, Message: "new"}},
		"the file breaks":   {{Rule: ruleSyntax, Message: "broken"}},
	} {
		check := func(files map[string][]byte) Diagnostics {
			if string(files["f"]) == string(src) {
				return Diagnostics{{Rule: ruleBadValue, Message: "wrong", Fix: "remove it", Edits: []Edit{{File: "f", Start: 0, End: 1}}}}
			}
			return after
		}
		if r := Fix(map[string][]byte{"f": src}, check); len(r.Files) > 0 || len(r.Left) != 1 || len(r.Fixed) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

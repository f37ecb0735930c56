package contract

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics in testdata")

// TestSingle checks the diagnostics of each NAME.yaml in testdata/single against NAME.want.
func TestSingle(t *testing.T) {
	t.Parallel()
	eachArchive(t, "single", func(t *testing.T, a *txtar.Archive) {
		files := content(a)
		for i, f := range a.Files {
			name, isCase := strings.CutSuffix(f.Name, ".yaml")
			if !isCase {
				continue
			}
			_, ds := Parse(f.Name, f.Data)
			got := lines(ds)
			if *update {
				a.Files[i+1] = txtar.File{Name: name + ".want", Data: []byte(got)}
				continue
			}
			if want := files[name+".want"]; got != want || want == "" {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
	})
}

// TestFleet checks the diagnostics of each archive in testdata/fleet against its file want.
func TestFleet(t *testing.T) {
	t.Parallel()
	eachArchive(t, "fleet", func(t *testing.T, a *txtar.Archive) {
		f, err := ParseFleet(sources(a))
		var ds Diagnostics
		if err != nil && !errors.As(err, &ds) {
			t.Fatal(err)
		}
		if (f == nil) != (len(ds) > 0) {
			t.Errorf("fleet %v together with diagnostics %v", f, ds)
		}
		got, last := lines(ds), len(a.Files)-1
		if *update {
			a.Files[last] = txtar.File{Name: "want", Data: []byte(got)}
			return
		}
		if want := string(a.Files[last].Data); a.Files[last].Name != "want" || got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// eachArchive runs check on every archive of a folder and writes it back with -update.
func eachArchive(t *testing.T, dir string, check func(*testing.T, *txtar.Archive)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			check(t, a)
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func content(a *txtar.Archive) map[string]string {
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

// sources returns the contracts of an archive.
func sources(a *txtar.Archive) map[string][]byte {
	files := map[string][]byte{}
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, FileName) {
			files[f.Name] = f.Data
		}
	}
	return files
}

func lines(ds Diagnostics) string {
	if len(ds) == 0 {
		return ""
	}
	return ds.Error() + "\n"
}

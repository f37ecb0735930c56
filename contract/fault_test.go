package contract

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// leastFaults is how many classes of faults the corpus has at least.
const leastFaults = 50

// TestFaults seeds each class of faults of testdata/faults into the good fleet: the rules are
// reported at the lines that are at fault, and nothing else is.
func TestFaults(t *testing.T) {
	t.Parallel()
	good := goodFleet(t)
	a, err := txtar.ParseFile(filepath.Join("testdata", "faults", "faults.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Files) < leastFaults {
		t.Errorf("only %d classes of faults", len(a.Files))
	}
	for _, f := range a.Files {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			files, want := seed(t, good, string(f.Data))
			var got []string
			for _, d := range fleetDiagnostics(t, files) {
				got = append(got, fmt.Sprintf("%s %s:%d", d.Rule, d.File, d.Line))
				if d.Fix == "" {
					t.Errorf("%s has no fix", d)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(slices.Compact(got), want) {
				t.Errorf("\n got %q\nwant %q\n%v", got, want, fleetDiagnostics(t, files))
			}
		})
	}
}

// goodFleet returns the contracts of the good fleet, by file name, after checking that it is good.
func goodFleet(t *testing.T) map[string][]byte {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "faults", "good.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := sources(a)
	if ds := fleetDiagnostics(t, files); len(ds) > 0 || len(files) < 6 {
		t.Fatalf("the good fleet of %d nodes: %v", len(files), ds)
	}
	return files
}

func fleetDiagnostics(t *testing.T, files map[string][]byte) Diagnostics {
	t.Helper()
	_, err := ParseFleet(files)
	var ds Diagnostics
	if err != nil && !errors.As(err, &ds) {
		t.Fatal(err)
	}
	return ds
}

// seed applies a fault and returns the fleet with the diagnostics to expect.
func seed(t *testing.T, good map[string][]byte, fault string) (files map[string][]byte, want []string) {
	t.Helper()
	files = maps.Clone(good)
	var file string
	at := 0 // line after the one changed last
	for line := range strings.Lines(fault) {
		line = strings.TrimSuffix(line, "\n")
		rest := line[1:]
		switch line[0] {
		case '@':
			file, at = nodeFile(strings.TrimSpace(rest)), 0
		case '-':
			lines := strings.Split(string(files[file]), "\n")
			i := slices.Index(lines[at:], rest)
			if i < 0 {
				t.Fatalf("%s has no line %q after line %d", file, rest, at)
			}
			at += i
			files[file] = []byte(strings.Join(slices.Delete(lines, at, at+1), "\n"))
		case '+':
			lines := strings.Split(string(files[file]), "\n")
			files[file] = []byte(strings.Join(slices.Insert(lines, at, rest), "\n"))
			at++
		case '=':
			want = append(want, expected(t, files, strings.TrimSpace(rest)))
		}
	}
	return files, want
}

func nodeFile(node string) string { return "nodes/" + node + "/" + FileName }

// expected reads "RULE NODE: TEXT", or "RULE NODE: TEXT #N" for the Nth line with that text.
func expected(t *testing.T, files map[string][]byte, want string) string {
	t.Helper()
	head, text, _ := strings.Cut(want, ": ")
	rule, node, _ := strings.Cut(head, " ")
	nth := 1
	if before, n, ok := strings.Cut(text, " #"); ok {
		text = before
		nth, _ = strconv.Atoi(n)
	}
	for i, line := range strings.Split(string(files[nodeFile(node)]), "\n") {
		if !strings.Contains(line, text) {
			continue
		}
		if nth--; nth == 0 {
			return fmt.Sprintf("%s %s:%d", rule, nodeFile(node), i+1)
		}
	}
	t.Fatalf("%s has no line with %q", node, text)
	return ""
}

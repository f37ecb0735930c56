package contract

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestDerive compares what follows from the shop's contracts with testdata/derived.json.
func TestDerive(t *testing.T) {
	t.Parallel()
	f, err := ParseFleet(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	var all []Derived
	for _, c := range f.Contracts {
		d := Derive(c)
		if d.SHA256 != c.SHA256 {
			t.Errorf("%s: hash %s", c.Node, d.SHA256)
		}
		d.SHA256 = "" // changes with every comment in the file
		all = append(all, d)
	}
	got, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "derived.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got %s", got)
	}
}

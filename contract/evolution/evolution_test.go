package evolution_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/contract/evolution"
)

// edit is a change of one of the contracts in testdata; also is a second one that it needs.
type edit struct {
	base, from, to string
	also           [2]string
}

var update = flag.Bool("update", false, "rewrite the expected verdicts in testdata")

// TestCompare judges edits of each key of the language, several where the verdict depends on what
// the edit does, and compares with testdata/verdicts.txt.
func TestCompare(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "verdicts.txt")
	var got strings.Builder
	for _, e := range edits() {
		fmt.Fprintf(&got, "# %s: %q became %q\n%s\n\n", e.base, e.from, e.to, lines(evolution.Compare(e.contracts(t))))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := diff.Diff("want", want, "got", []byte(got.String())); diff != nil {
		t.Errorf("%s", diff)
	}
}

// TestEveryKey: an edit of each key of the language is judged under that key.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"contract.omninode":  "has one value",
		"contract.version":   "is judged by Compare, TestVersion",
		"contract.types":     "are judged where they are used",
		"contract.resources": "by its keys",
		"contract.scaling":   "by its keys",
		"contract.state":     "by its keys",
		"contract.machine":   "by its keys",
		"contract.workflow":  "by its keys",
		"handle.retry":       "by its keys",
		"handle.batch":       "by its keys",
		"handle.breaker":     "by its keys",
		"transition.input":   "with the state it is taken in, as machine.transitions",
		"transition.from":    "with the input it takes, as machine.transitions",
		"type.type":          "has one value",
		"property.items":     "by its keys",
	}
	judged := map[string]bool{}
	for _, e := range edits() {
		for _, c := range evolution.Compare(e.contracts(t)).Changes {
			judged[c.Key] = true
		}
	}
	for _, s := range contract.Grammar() {
		for _, k := range s.Keys {
			key := s.Name + "." + k.Name
			switch {
			case judged[key] && elsewhere[key] != "":
				t.Errorf("%s is judged after all: take it off the list", key)
			case !judged[key] && elsewhere[key] == "":
				t.Errorf("no edit of %s has a verdict: add a rule to the package and an edit to edits", key)
			}
			delete(judged, key)
		}
	}
	for key := range judged {
		t.Errorf("%s has a verdict but is no key of the language", key)
	}
}

// contracts returns the contract before and after the edit, both valid.
func (e edit) contracts(t *testing.T) (before, now *contract.Contract) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", e.base+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	old := string(src)
	if !strings.Contains(old, e.from) {
		t.Fatalf("%s has no %q", e.base, e.from)
	}
	return parse(t, "old.yaml", old), parse(t, "new.yaml", strings.NewReplacer(append([]string{e.from, e.to}, e.second()...)...).Replace(old))
}

func (e edit) second() []string {
	if e.also[0] == "" {
		return nil
	}
	return e.also[:]
}

func parse(t *testing.T, file, src string) *contract.Contract {
	t.Helper()
	c, ds := contract.Parse(file, []byte(src))
	if len(ds) > 0 {
		t.Fatalf("%s is not valid:\n%s", file, ds.Error())
	}
	return c
}

func lines(r evolution.Report) string {
	var list []string
	for _, c := range r.Changes {
		line := fmt.Sprintf("%s: %s > %s: %s %s", c.Path, c.Old, c.New, c.Impact, c.Rise)
		if c.InPlace {
			line += " in place"
		}
		list = append(list, line)
	}
	return strings.Join(list, "\n")
}

// TestVersion holds the rise of a version against what changes need.
func TestVersion(t *testing.T) {
	t.Parallel()
	const (
		nothing = "description: Sends mails.\n"
		patch   = "timeout: 5s"
		minor   = "capabilities: [mail.send]"
		major   = "[mail-sent.v1, mail-bounced.v1]"
	)
	edits := map[string]string{
		nothing: "description: Sends letters.\n", patch: "timeout: 6s", minor: "capabilities: [mail.send, mail.bounce]",
		major: "[mail-bounced.v1]",
	}
	for _, c := range []struct {
		change, old, new string
		enough           bool
		next             string
	}{
		{nothing, "1.2.3", "1.2.3", true, "1.2.3"},
		{nothing, "1.2.3", "1.2.2", false, "1.2.3"},
		{patch, "1.2.3", "1.2.3", false, "1.2.4"},
		{patch, "1.2.3", "1.2.4", true, "1.2.4"},
		{patch, "1.2.3", "1.2.4-rc.1", true, "1.2.4"},
		{patch, "1.2.3", "2.0.0", true, "1.2.4"},
		{minor, "1.2.3", "1.2.4", false, "1.3.0"},
		{minor, "1.2.3", "1.3.0", true, "1.3.0"},
		{minor, "0.2.3", "0.2.3", false, "0.2.4"},
		{minor, "0.2.3", "0.2.4", true, "0.2.4"},
		{major, "1.2.3", "1.3.0", false, "2.0.0"},
		{major, "1.2.3", "2.0.0", true, "2.0.0"},
		{major, "1.2.3", "0.9.0", false, "2.0.0"},
		{major, "0.2.3", "0.2.4", false, "0.3.0"},
		{major, "0.2.3", "0.3.0", true, "0.3.0"},
		{major, "2.0.0-rc.1", "2.0.0-rc.1", false, "2.0.0"},
		{major, "2.0.0-rc.1", "2.0.0-rc.2", true, "2.0.0"},
		{major, "2.0.0-rc.1", "2.0.0", true, "2.0.0"},
		{major, "2.1.0-rc.1", "2.1.0", false, "3.0.0"},
		{minor, "2.1.0-rc.1", "2.1.0", true, "2.1.0"},
	} {
		before, now := edit{base: "effect", from: c.change, to: edits[c.change]}.contracts(t)
		before.Version, now.Version = c.old, c.new
		r := evolution.Compare(before, now)
		if len(r.Changes) != 1 || r.Enough != c.enough || r.Next != c.next || r.OK() != c.enough {
			t.Errorf("%s to %s with %q: enough %t, next %s; want %t, %s", c.old, c.new, edits[c.change], r.Enough, r.Next, c.enough, c.next)
		}
	}
}

// TestInPlace: no rise of the node's version makes up for a break under the same vN.
func TestInPlace(t *testing.T) {
	t.Parallel()
	before, now := edit{base: "effect", from: "required: [mail_id, server]", to: "required: [mail_id]"}.contracts(t)
	now.Version = "2.0.0"
	if r := evolution.Compare(before, now); !r.Enough || r.OK() {
		t.Errorf("the version is enough: %t, the change is allowed: %t", r.Enough, r.OK())
	}
}

// TestSame: a contract is never different from itself, whatever it is.
func TestSame(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"effect", "compute", "reducer", "orchestrator"} {
		before, now := edit{base: base, from: "omninode: 1", to: "omninode: 1"}.contracts(t)
		if r := evolution.Compare(before, now); len(r.Changes) > 0 || !r.OK() {
			t.Errorf("%s differs from itself: %s", base, lines(r))
		}
	}
}

func TestCompareFleets(t *testing.T) {
	t.Parallel()
	kept, changed := edit{base: "effect", from: "timeout: 5s", to: "timeout: 6s"}.contracts(t)
	same, _ := edit{base: "reducer", from: "initial: new", to: "initial: new"}.contracts(t)
	gone, _ := edit{base: "compute", from: "omninode: 1", to: "omninode: 1"}.contracts(t)
	added, _ := edit{base: "orchestrator", from: "omninode: 1", to: "omninode: 1"}.contracts(t)
	reports := evolution.CompareFleets([]*contract.Contract{kept, same, gone}, []*contract.Contract{changed, same, added})
	var got []string
	for _, r := range reports {
		got = append(got, fmt.Sprintf("%s %t %s", r.Node, r.OK(), lines(r)))
	}
	want := []string{
		"checkout true node:  > checkout: compatible minor",
		"mailer false handles.send-mail.v1.timeout: 5s > 6s: compatible patch",
		"pricing true node: pricing > : breaking major",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

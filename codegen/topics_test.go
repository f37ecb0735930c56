package codegen_test

import (
	"bytes"
	"fmt"
	"go/format"
	"path"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
)

// topics writes a test that each generated node of a folder wants the topics that the catalogue says:
// what a node creates and what the command compares a cluster with are the same.
func (m module) topics(folder string, files map[string][]byte) {
	m.t.Helper()
	fleet, err := contract.ParseFleet(files)
	if err != nil {
		m.t.Fatal(err)
	}
	var imports, cases bytes.Buffer
	for _, c := range fleet.Contracts {
		owned, foreign := catalogue.Wanted(c)
		fmt.Fprintf(&imports, "\t%q\n", path.Join(options().Module, folder, c.Node))
		fmt.Fprintf(&cases, "\tcheck(%s.Node(), %q, %q)\n", contract.Derive(c).Package, fmt.Sprintf("%+v", owned), fmt.Sprint(foreign))
	}
	source, err := format.Source(fmt.Appendf(nil, topicsTest, imports.String(), cases.String()))
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(folder+"/topics_test.go", source)
}

const topicsTest = `package topics_test

import (
	"fmt"
	"testing"

	"github.com/omninode-ai/omninode/onex"
%s)

func TestTopics(t *testing.T) {
	t.Parallel()
	check := func(n onex.Node, owned, foreign string) {
		t.Helper()
		o, f := n.WantedTopics()
		if got := fmt.Sprintf("%%+v", o); got != owned {
			t.Errorf("%%s owns %%s, its contract says %%s", n.Name, got, owned)
		}
		if got := fmt.Sprint(f); got != foreign {
			t.Errorf("%%s uses %%s, its contract says %%s", n.Name, got, foreign)
		}
	}
%s}
`

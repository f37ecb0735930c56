// Package omnibase translates contracts of the omnibase dialect into this project's language.
//
// The dialect describes a node by handler_routing, event_bus, state_machine, workflow_coordination,
// io_operations, error_handling, dependencies and many keys more. Import reads such files together,
// connects their topics and writes one contract per node. It accounts for every value of every
// source: carried into a contract, derived from something else, or refused with the reason and what
// to do instead. Nothing is dropped without a word.
//
// The package reads no file and writes none: names and contents in, contents and a report out.
package omnibase

import (
	"maps"
	"path"
	"slices"

	"github.com/omninode-ai/omninode/contract"
)

// The verdicts on a value of a source.
const (
	Carried = "carried" // stands in the new contract: without it the contract would differ
	Derived = "derived" // follows from something else
	Refused = "refused" // has no meaning in the new contract
)

// Leaf is one value of a source: a scalar, an empty mapping or an empty list.
type Leaf struct {
	Path    string `json:"path"` // e.g. event_bus.subscribe_topics[0]
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Verdict string `json:"verdict"`          // Carried, Derived or Refused
	Target  string `json:"target,omitempty"` // of what is carried: the key in the new contract
	Origin  string `json:"origin,omitempty"` // of what is derived: the path that says the same, if one does
	Why     string `json:"why,omitempty"`    // of what is derived or refused
	Fix     string `json:"fix,omitempty"`    // of what is refused: what to do instead
}

// File is the account of one source.
type File struct {
	Name     string               `json:"file"`
	Nodes    []string             `json:"nodes,omitempty"` // the contracts written for it, its own first
	Leaves   []*Leaf              `json:"leaves"`          // every value, in the order of the file
	Assumed  []string             `json:"assumed,omitempty"`
	Problems contract.Diagnostics `json:"problems,omitempty"` // why it could not be imported
}

// Count returns how many values got a verdict.
func (f *File) Count(verdict string) int {
	n := 0
	for _, l := range f.Leaves {
		if l.Verdict == verdict {
			n++
		}
	}
	return n
}

// Refusals returns a diagnostic for each value that was refused.
func (f *File) Refusals() contract.Diagnostics {
	var ds contract.Diagnostics
	for _, l := range f.Leaves {
		if l.Verdict == Refused {
			at := contract.Pos{File: f.Name, Line: l.Line, Column: l.Column}
			ds = append(ds, contract.Diagnostic{Pos: at, Rule: "refused", Message: l.Path + ": " + l.Why, Fix: l.Fix})
		}
	}
	return ds
}

// Result is what an import yields.
type Result struct {
	Files     []*File           // one per source, sorted by name
	Contracts map[string][]byte // by path below the folder of the nodes: payment/contract.yaml
}

// Import translates sources, contents by file name. The result depends on them alone. A source that
// cannot be imported has Problems and leaves the others alone.
func Import(sources map[string][]byte) Result {
	f, res := translate(sources)
	for _, src := range f.sources {
		src.prove()
		src.finish()
	}
	return res
}

// translate is Import without the proof that what is carried is.
func translate(sources map[string][]byte) (*fleet, Result) {
	f, res := &fleet{}, Result{Contracts: map[string][]byte{}}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		src, ds := read(name, sources[name])
		src.report.Problems = ds
		res.Files = append(res.Files, src.report)
		if len(ds) > 0 {
			f.reject(src, ds)
			continue
		}
		f.add(src)
	}
	f.settle(res.Contracts)
	return f, res
}

// target returns where a node's contract lies below the folder of the nodes.
func target(node string) string { return path.Join(node, contract.FileName) }

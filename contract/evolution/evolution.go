// Package evolution judges changes of contracts: what breaks others, what does not, and how far the
// node's version must rise for it.
//
// It stands beside the generator: contracts in, judgements out. Compare judges two states of one
// node's contract and CompareFleets those of a folder of nodes. Both work on validated contracts, know
// nothing of files or revisions and change nothing.
//
// Two rules say whether a change may land. A version of a message is a promise: what breaks it in
// place is refused whatever the node's version, because its topic keeps records of both forms; the
// way is another version beside it. Everything else may change if the node's version rises enough.
package evolution

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// Report is the judgement on the contract of one node.
type Report struct {
	Node    string
	At      contract.Pos // of the version in the new contract; of the file if the node is gone
	Old     string       // version; "" if the node is new
	New     string       // version; "" if the node is gone
	Changes []Change     // as they stand in the new file, what is gone last
	Needed  Rise         // what the changes ask for
	Rose    Rise         // what the version did
	Enough  bool         // whether Rose is at least Needed
	Next    string       // the lowest version that is enough
}

// OK reports whether the new contract may take the place of the old one.
func (r Report) OK() bool {
	return r.Enough && !slices.ContainsFunc(r.Changes, func(c Change) bool { return c.InPlace })
}

// Change is one difference between two contracts.
type Change struct {
	At   contract.Pos // in the new contract; in the old one if it is gone
	Gone bool         // At is a place of the old contract
	Key  string       // section and key of the language, e.g. "version.key"
	Path string       // where it stands, e.g. "commands.place-order.v1.key"
	Old  string       // value; "" if there was none
	New  string       // value; "" if there is none
	verdict
}

// Compare judges what becomes of a node whose contract was before and is now.
func Compare(before, now *contract.Contract) Report {
	c := &comparer{}
	c.node(before, now)
	r := Report{Node: now.Node, Old: before.Version, New: now.Version, At: now.VersionAt, Changes: c.sorted()}
	for _, change := range r.Changes {
		r.Needed = max(r.Needed, change.Rise)
	}
	r.Needed = r.Needed.under(before.Version)
	r.Rose, r.Enough = risen(before.Version, now.Version, r.Needed)
	r.Next = next(before.Version, r.Needed)
	return r
}

// CompareFleets judges the contracts of a folder, by node. Nodes whose contract did not change are
// left out; a node that is new or gone has a single change.
func CompareFleets(before, now []*contract.Contract) []Report {
	var reports []Report
	for _, p := range pairs(before, now, func(c *contract.Contract) string { return c.Node }) {
		switch {
		case p.old == nil:
			reports = append(reports, arrived(*p.new))
		case p.new == nil:
			reports = append(reports, left(*p.old))
		case (*p.old).SHA256 != (*p.new).SHA256:
			reports = append(reports, Compare(*p.old, *p.new))
		}
	}
	slices.SortFunc(reports, func(a, b Report) int { return cmp.Compare(a.Node, b.Node) })
	return reports
}

func arrived(c *contract.Contract) Report {
	at := contract.Pos{File: c.File, Line: 1, Column: 1}
	return Report{
		Node: c.Node, New: c.Version, At: at, Enough: true, Next: c.Version,
		Changes: []Change{{At: at, Key: "contract.node", Path: "node", New: c.Node, verdict: extends("a new node takes nothing away")}},
	}
}

func left(c *contract.Contract) Report {
	at := contract.Pos{File: c.File, Line: 1, Column: 1}
	return Report{
		Node: c.Node, Old: c.Version, At: at, Enough: true, Needed: Major,
		Changes: []Change{{At: at, Gone: true, Key: "contract.node", Path: "node", Old: c.Node, verdict: breaks(
			"its commands are handled and its events emitted by nobody any more, and what it has parked or stored stays behind",
			"remove it once its topics are empty; omninode validate names who still uses its messages")}},
	}
}

// sorted returns the changes by place; what is gone has its place in another file and comes last.
func (c *comparer) sorted() []Change {
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(
			compareBool(a.Gone, b.Gone), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column),
			strings.Compare(a.Path, b.Path),
		)
	})
	return c.changes
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

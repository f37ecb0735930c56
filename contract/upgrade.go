package contract

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/internal/nearest"
)

// Upgraded is what the migrations make of one contract.
type Upgraded struct {
	From, To int      // versions of the language; equal if the contract is up to date
	Changes  []string // what was changed, in words
	Text     []byte   // the content afterwards
}

// Upgrade rewrites a contract of an earlier version of the language in the one of this program, and
// keeps every byte that needs no change. What is in the way is returned as diagnostics: then the
// contract must be left as it is, and Text is the content that the diagnostics are about.
func Upgrade(file string, src []byte) (Upgraded, Diagnostics) {
	check := func(src []byte) Diagnostics {
		_, ds := Parse(file, src)
		return ds
	}
	return chain{migrations(), check}.upgrade(file, src)
}

// migration rewrites a contract of one version of the language in the next.
type migration struct {
	from, to int
	changes  string // in words, for people
	// edits returns what changes in a contract, besides the number of the version: that is raised
	// wherever there is one.
	edits func(p *parser, root *section) []Edit
}

// migrations lists a migration from every version of the language there was, the earliest first.
func migrations() []migration {
	return []migration{
		{0, 1, "the first line names the version of the language: `omninode: 1`", nameVersion},
	}
}

// chain is a list of migrations, each from the version that the one before leads to.
type chain struct {
	migrations []migration
	check      func(src []byte) Diagnostics // by the grammar of the last version
}

func (c chain) upgrade(file string, src []byte) (Upgraded, Diagnostics) {
	d, ds := c.open(file, src)
	if ds != nil {
		return Upgraded{Text: src}, ds
	}
	u := Upgraded{From: d.version, To: d.version, Text: src}
	for _, m := range c.migrations {
		if m.from != u.To {
			continue
		}
		u.Text = Apply(file, u.Text, append(d.raise(m.to), m.edits(d.parser, d.root)...))
		if d, ds = c.open(file, u.Text); ds != nil {
			return Upgraded{Text: u.Text}, ds
		}
		if d.version != m.to { // the place to edit could not be told for sure
			return Upgraded{Text: src}, c.check(src)
		}
		u.To, u.Changes = m.to, append(u.Changes, m.changes)
	}
	if after := c.check(u.Text); harmed(c.check(src), after, nil) {
		return Upgraded{Text: u.Text}, after
	}
	return u, nil
}

// draft is a contract of any version of the language, as far as all of them agree.
type draft struct {
	parser  *parser
	root    *section
	version int
}

// open finds out which version of the language a contract is written in.
func (c chain) open(file string, src []byte) (draft, Diagnostics) {
	p := newGrammar().newParser(file, src)
	whole := p.document(src)
	if whole == nil {
		return draft{}, p.problems.list()
	}
	whole.form = sectionOf("contract")
	d := draft{parser: p, root: p.section(whole, "the contract")}
	if d.language(c.migrations[len(c.migrations)-1].to) {
		return d, nil
	}
	if ds := p.problems.list(); len(ds) > 0 {
		return draft{}, ds
	}
	return draft{}, c.check(src)
}

// language reads the version, 0 if there is none, and tells whether that is one up to the last.
func (d *draft) language(last int) bool {
	it := d.root.index["omninode"]
	if it == nil {
		return d.unnumbered()
	}
	text, _ := canonical(it.node.Value, "integer")
	v, err := strconv.Atoi(text)
	if err == nil && it.node.ShortTag() == "!!int" && 0 < v && v <= last {
		d.version = v
		return true
	}
	it.form = integer(last, last)
	d.parser.integer(it)
	return false
}

// unnumbered tells whether the number is left out, rather than misspelt or of no use: what names no
// node is something else than a contract.
func (d *draft) unnumbered() bool {
	return d.root.index["node"] != nil &&
		!slices.ContainsFunc(d.root.items, func(it *item) bool { return nearest.Of(it.key, []string{"omninode"}) != "" })
}

// raise returns the edit of the number, none if there is no number yet.
func (d draft) raise(to int) []Edit {
	it := d.root.index["omninode"]
	if it == nil {
		return nil
	}
	return d.parser.replace(d.parser.pos(it.node), strconv.Itoa(to))
}

// nameVersion puts the number first: into the first line, unless the document starts below it.
func nameVersion(p *parser, root *section) []Edit {
	const entry = "omninode: 1"
	node := root.whole.node
	start, ok := p.source.offset(p.pos(node))
	switch {
	case !ok:
		return nil
	case node.Style&yaml.FlowStyle != 0:
		return p.insertInFlow(p.pos(node), entry, len(node.Content) == 0)
	case node.Column == 1 && !matches(`(?m)^---`, string(p.source.text[:start])):
		start = 0
	}
	end := "\n"
	if bytes.Contains(p.source.text, []byte("\r\n")) {
		end = "\r\n"
	}
	return []Edit{{File: p.file, Start: start, End: start, Text: entry + end + strings.Repeat(" ", node.Column-1)}}
}

package editor

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// cursor is a place in a contract that the editor asks about.
type cursor struct {
	path  string
	text  []byte
	tree  tree
	files map[string][]byte // of its fleet
	spot  spot
	found bool
}

func (s *server) cursor(p cursorParams) cursor {
	c := cursor{path: pathOf(p.TextDocument.URI)}
	c.text, c.files = s.space.text(c.path), s.space.files(fleetOf(c.path))
	c.tree = parse(c.text)
	line, column := contract.Position(c.text, offsetAt(c.text, p.Position))
	c.spot, c.found = c.tree.at(line, column)
	return c
}

// node returns the name of the cursor's node.
func (c cursor) node() string { return child(c.tree.root, "node").Value }

// symbols lists what the fleet declares; the cursor's own contract counts as far as it can be read.
func (c cursor) symbols() []symbol {
	others := maps.Clone(c.files)
	delete(others, c.path)
	return append(declared(c.path, c.tree), symbols(others)...)
}

// refersTo returns what the cursor stands on refers to.
func (c cursor) refersTo() (symbol, bool) {
	if !c.found {
		return symbol{}, false
	}
	return named(c.symbols(), c.path, c.spot, c.node())
}

// hover explains a key by the grammar, and a reference by what it names.
func (s *server) hover(_ context.Context, p cursorParams) (*hover, error) {
	c := s.cursor(p)
	if sym, ok := c.refersTo(); ok {
		return &hover{markdown(describe(sym))}, nil
	}
	if c.found && c.spot.isKey && c.spot.section != nil && c.spot.row != nil {
		return &hover{markdown(explain(c.spot.row))}, nil
	}
	return nil, nil //nolint:nilnil // the protocol's way to say that there is nothing to show
}

// describe renders a symbol for people.
func describe(s symbol) string {
	text := "**" + s.node + "/" + s.name + "**: "
	if s.class != "" {
		return text + class(s) + ", " + s.detail
	}
	text += s.what + " of " + s.node
	if s.detail != "" {
		text += ", " + s.detail
	}
	return text
}

func class(s symbol) string {
	if s.class == event.Command {
		return "command"
	}
	return "event"
}

// explain renders a row of the grammar for people.
func explain(k *contract.Key) string {
	var b strings.Builder
	b.WriteString("**" + k.Name + "**: " + k.Meaning)
	if len(k.Form.Words) > 0 {
		b.WriteString("\n\nOne of " + words(k.Form.Words) + ".")
	}
	switch {
	case k.Required == contract.Always:
		b.WriteString("\n\nRequired.")
	case k.Required != "":
		b.WriteString("\n\nRequired " + k.Required + ".")
	case k.Default != "":
		b.WriteString("\n\nDefault: " + k.Default + ".")
	}
	b.WriteString("\n\n```yaml\n" + k.Name + ": " + k.Example + "\n```")
	return b.String()
}

// definition leads to what a reference names.
func (s *server) definition(_ context.Context, p cursorParams) (*location, error) {
	sym, ok := s.cursor(p).refersTo()
	if !ok {
		return nil, nil //nolint:nilnil // the protocol's way to say that there is none
	}
	at := contract.Pos{File: sym.file, Line: max(sym.at.Line, 1), Column: max(sym.at.Column, 1)}
	return &location{uriOf(sym.file), spanOf(s.space.text(sym.file), at)}, nil
}

// marker stands where somebody types, so that the text is YAML there.
const marker = "omninode_cursor"

// completion offers what may stand where somebody types.
func (s *server) completion(_ context.Context, p cursorParams) ([]completionItem, error) {
	c := s.cursor(p)
	end := offsetAt(c.text, p.Position)
	start := end - len(typed(c.text[:end]))
	spot, ok := c.typing(start, end)
	if !ok {
		return []completionItem{}, nil
	}
	place := span{positionAt(c.text, start), positionAt(c.text, end)}
	if spot.isKey && spot.section != nil {
		return c.keys(spot.section, spot.beside, place), nil
	}
	if spot.form.Is == contract.FormSection {
		for _, section := range contract.Grammar() {
			if section.Name == spot.form.Section {
				return c.keys(&section, nil, place), nil
			}
		}
	}
	return c.values(spot, place), nil
}

// typed returns the beginning of the word before the cursor.
func typed(before []byte) []byte {
	i := bytes.LastIndexAny(before, " \t\n[{,'\"")
	return before[i+1:]
}

// typing finds the spot of what is being typed. What is not YAML yet becomes so by the marker: as a
// value or the key of a flow mapping, else as a key.
func (c *cursor) typing(start, end int) (spot, bool) {
	rest := c.text[end:]
	for len(rest) > 0 && !strings.ContainsRune(" \t\r\n,]}:'\"", rune(rest[0])) {
		rest = rest[1:]
	}
	markers := []string{marker, marker + ":", marker + "]", marker + "}", marker + "]}"}
	if line := c.text[bytes.LastIndexByte(c.text[:start], '\n')+1 : start]; len(bytes.TrimLeft(line, " ")) == 0 {
		markers[0], markers[1] = markers[1], markers[0] // a value would go on with the line before
	}
	for _, m := range markers {
		t := parse(slices.Concat(c.text[:start], []byte(m), rest))
		i := slices.IndexFunc(t.spots, func(s spot) bool { return s.node.Value == marker })
		if i >= 0 {
			c.tree = t
			return t.spots[i], true
		}
	}
	return spot{}, false
}

// keys offers the keys of a section that are not given yet.
func (c *cursor) keys(section *contract.Section, beside []string, place span) []completionItem {
	items := []completionItem{}
	for i := range section.Keys {
		k := &section.Keys[i]
		name := k.Name
		if k.Names != nil {
			name = strings.TrimSuffix(name, "N") + "1"
		}
		if slices.Contains(beside, name) || c.tree.kind() != "" && !slices.Contains(k.Kinds(), c.tree.kind()) {
			continue
		}
		text := markdown(explain(k))
		items = append(items, completionItem{
			Label: name, Kind: itemProperty, Detail: k.Meaning, Documentation: &text, TextEdit: &textEdit{place, name + ": "},
		})
	}
	return items
}

// values offers words, and what contracts of the fleet declare.
func (c *cursor) values(s spot, place span) []completionItem {
	items := []completionItem{}
	list := slices.Clone(s.form.Words)
	if s.form.Is == contract.FormBoolean {
		list = []string{"true", "false"}
	}
	if s.form.Is == contract.FormTrue {
		list = []string{"true"}
	}
	for _, w := range list {
		items = append(items, completionItem{Label: w, Kind: itemValue, TextEdit: &textEdit{place, w}})
	}
	after := ""
	if s.isKey {
		after = ": "
	}
	for _, sym := range fitting(c.symbols(), c.path, s.form, c.node()) {
		if !slices.Contains(s.beside, sym.name) {
			items = append(items, completionItem{Label: sym.name, Kind: itemReference, Detail: sym.detail, TextEdit: &textEdit{place, sym.name + after}})
		}
	}
	return items
}

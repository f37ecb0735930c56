package contract

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/onex/event"
)

// snippet returns the part of a fix that can be pasted to give a key: what starts with the key, up to
// the alternatives that the fix names behind ", or ".
func snippet(fix, key string) string {
	i := strings.Index(fix, key+": ")
	if i < 0 {
		return ""
	}
	text, _, _ := strings.Cut(fix[i:], ", or ")
	return text
}

// insert returns the edit that adds an entry, written in flow style, to a mapping: none if there is
// no such mapping in the file.
func (p *parser) insert(it *item, entry string) []Edit {
	if it == nil || entry == "" || it.node.Kind != yaml.MappingNode {
		return nil
	}
	at := p.pos(it.node)
	if it.node.Style&yaml.FlowStyle != 0 {
		return p.insertInFlow(at, entry, len(it.node.Content) == 0)
	}
	if it.key == "" {
		return p.appendLine(entry)
	}
	start, ok := p.source.offset(at)
	if !ok || at.Column > maxMessage {
		return nil
	}
	return []Edit{{File: p.file, Start: start, End: start, Text: entry + "\n" + strings.Repeat(" ", at.Column-1)}}
}

func (p *parser) insertInFlow(at Pos, entry string, empty bool) []Edit {
	start, ok := p.source.offset(at)
	if !ok || p.source.text[start] != '{' {
		return nil
	}
	if !empty {
		entry += ", "
	}
	return []Edit{{File: p.file, Start: start + 1, End: start + 1, Text: entry}}
}

// appendLine returns the edit that adds a line to the end of the file.
func (p *parser) appendLine(line string) []Edit {
	end := len(p.source.text)
	if end > 0 && p.source.text[end-1] != '\n' {
		line = "\n" + line
	}
	return []Edit{{File: p.file, Start: end, End: end, Text: line + "\n"}}
}

// declaration words how to declare an entry of a top-level mapping, and returns the edit that
// starts it.
func (p *parser) declaration(section, entry string) (fix string, edits []Edit) {
	if p.root == nil {
		return "declare it under " + section, nil
	}
	if it := p.root.index[section]; it != nil {
		return "declare it under " + section + ", e.g. " + entry, p.insert(it, entry)
	}
	entry = section + ": {" + entry + "}"
	return "declare it, e.g. " + entry, p.insert(p.root.whole, entry)
}

// declareMessage is declaration for an own message that a reference names.
func (p *parser) declareMessage(ref event.Ref, class event.Class) (string, []Edit) {
	version := "v" + itoa(ref.Version) + ": {key: " + p.usualKey() + ", data: " + GoName(ref.Name) + "}"
	section := className(class) + "s"
	i := slices.IndexFunc(p.contract.Messages, func(m *Message) bool { return m.Ref.Name == ref.Name && m.Class == class })
	if i >= 0 {
		return "declare that version, e.g. " + version, p.insert(p.homes[p.contract.Messages[i]], version)
	}
	return p.declaration(section, ref.Name+": {"+version+"}")
}

// declareType is declaration for a type that something refers to.
func (p *parser) declareType(name string) (string, []Edit) {
	if len(name) > event.MaxNameLength || !matches(typeGrammarText, name) {
		return "declare it under types", nil
	}
	key := p.usualKey()
	return p.declaration("types", name+": {type: object, required: ["+key+"], properties: {"+key+": {type: string, format: uuid}}}")
}

// usualKey returns the property by which the node keys its records, as far as it is known.
func (p *parser) usualKey() string {
	if validSnake(p.lastKey) {
		return p.lastKey
	}
	return "id"
}

// noteKey remembers the name of a record's key for usualKey.
func (p *parser) noteKey(it *item) {
	if it != nil {
		p.lastKey = it.node.Value
	}
}

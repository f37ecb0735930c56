package contract

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// valueEnd returns the end of a value that starts at i and takes one line: a scalar, or an empty
// list or mapping.
func (s *source) valueEnd(i int) (end int, ok bool) {
	for _, empty := range []string{"[]", "{}"} {
		rest := s.text[i:]
		if len(rest) == 0 || rest[0] != empty[0] {
			continue
		}
		inner := bytes.TrimLeft(rest[1:], " \t")
		if len(inner) > 0 && inner[0] == empty[1] {
			return i + len(rest) - len(inner) + 1, true
		}
		return 0, false
	}
	return s.scalar(i)
}

// cut returns what to remove so that the bytes of an entry of a mapping or a list disappear with
// their separator, and with their line if nothing else is on it. Comments stay.
func (s *source) cut(start, end int) (from, to int, ok bool) {
	switch next := bytes.TrimLeft(s.text[end:], " \t\r\n"); {
	case len(next) > 0 && next[0] == ',':
		to = len(s.text) - len(next) + 1
		return start, to + spaces(s.text[to:]), true
	case len(next) > 0 && (next[0] == ']' || next[0] == '}'):
		before := bytes.TrimRight(s.text[:start], " \t\r\n")
		if bytes.HasSuffix(before, []byte(",")) {
			return len(before) - 1, end, true
		}
		return start, end, true
	}
	return s.cutLine(start, end)
}

// cutLine is cut for an entry in block style.
func (s *source) cutLine(start, end int) (from, to int, ok bool) {
	line := bytes.LastIndexByte(s.text[:start], '\n') + 1
	prefix := bytes.TrimLeft(s.text[line:start], " ")
	dash := bytes.HasPrefix(prefix, []byte("- ")) && len(bytes.TrimLeft(prefix[1:], " ")) == 0
	if len(prefix) > 0 && !dash {
		return 0, 0, false
	}
	to = end + spaces(s.text[end:])
	switch rest := s.text[to:]; {
	case len(rest) == 0:
		return line, to, true
	case rest[0] == '\n':
		return line, to + 1, true
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return line, to + 2, true
	case rest[0] == '#' && to > end:
		return start - len(prefix), to, true
	}
	return 0, 0, false
}

func spaces(b []byte) int { return len(b) - len(bytes.TrimLeft(b, " \t")) }

// removeEntry returns the edit that removes a key with its value of one line: none if its end
// cannot be told for sure.
func (p *parser) removeEntry(it *item) []Edit {
	start, ok := p.source.offset(it.at)
	if !ok {
		return nil
	}
	return p.removeFrom(start, it.node)
}

// removeElement is removeEntry for an element of a list.
func (p *parser) removeElement(it *item) []Edit {
	start, ok := p.source.offset(p.pos(it.node))
	if !ok {
		return nil
	}
	return p.removeFrom(start, it.node)
}

// removeFrom removes what starts at start and ends with the value n.
func (p *parser) removeFrom(start int, n *yaml.Node) []Edit {
	value, ok := p.source.offset(p.pos(n))
	if !ok || value < start {
		return nil
	}
	end, ok := p.source.valueEnd(value)
	if !ok || bytes.IndexByte(p.source.text[start:end], '\n') >= 0 {
		return nil
	}
	from, to, ok := p.source.cut(start, end)
	if !ok {
		return nil
	}
	return []Edit{{File: p.file, Start: from, End: to}}
}

// quote returns the edit that makes a plain scalar text.
func (p *parser) quote(n *yaml.Node) []Edit {
	if strings.Contains(n.Value, "'") {
		return nil
	}
	return p.wrap(n, "'", "'")
}

// wrap returns the edits that put something around a plain scalar.
func (p *parser) wrap(n *yaml.Node, left, right string) []Edit {
	start, ok := p.source.offset(p.pos(n))
	if !ok || n.Kind != yaml.ScalarNode || n.Style&quotedStyle != 0 {
		return nil
	}
	end, ok := p.source.scalar(start)
	if !ok || string(p.source.text[start:end]) != n.Value {
		return nil
	}
	return []Edit{{File: p.file, Start: start, End: end, Text: left + n.Value + right}}
}

// sameScalar tells whether two values are written alike.
func sameScalar(a, b *yaml.Node) bool {
	return a.Kind == yaml.ScalarNode && b.Kind == yaml.ScalarNode && a.Value == b.Value && a.Style == b.Style
}

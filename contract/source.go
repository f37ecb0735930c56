package contract

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// didYouMean words the fix of a misspelling. The form is fixed: report makes it mechanical.
func didYouMean(near string) string { return "did you mean " + near + "?" }

// meantBy returns the name that a fix of didYouMean offers.
func meantBy(fix string) (string, bool) {
	near, ok := strings.CutPrefix(fix, "did you mean ")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(near, "?")
}

// Position returns the line and column of a byte of a file, both counted from 1, columns in
// characters.
func Position(text []byte, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// source finds the bytes of places in a file.
type source struct {
	text  []byte
	lines []int // offset of each line; nil until it is needed
}

// offset returns the byte at a place, false if the file has line breaks that only YAML knows: then
// lines are not what editors show.
func (s *source) offset(at Pos) (int, bool) {
	if s.lines == nil {
		s.index()
	}
	if at.Line < 1 || at.Line > len(s.lines) {
		return 0, false
	}
	i := s.lines[at.Line-1]
	for range at.Column - 1 {
		_, size := utf8.DecodeRune(s.text[i:])
		if size == 0 || s.text[i] == '\n' {
			return 0, false
		}
		i += size
	}
	return i, true
}

func (s *source) index() {
	s.lines = []int{}
	plain := bytes.ReplaceAll(s.text, []byte("\r\n"), []byte("\n"))
	if bytes.ContainsAny(plain, "\r\u0085\u2028\u2029") {
		return
	}
	s.lines = append(s.lines, 0)
	for i, c := range s.text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
}

// scalar returns the bytes of the scalar of one line that starts at i: with its quotes, if it has
// some.
func (s *source) scalar(i int) (end int, ok bool) {
	rest := s.text[i:]
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n]
	}
	if len(rest) == 0 {
		return 0, false
	}
	n := 0
	switch rest[0] {
	case '"', '\'':
		n = quoted(rest)
	case '[', '{', '|', '>', '#', '-', '?', ':', ',', ']', '}', '&', '*', '!', '%', '@', '`':
		return 0, false
	default:
		n = plain(rest)
	}
	return i + n, n > 0
}

// quoted returns the length of the quoted scalar that line starts with, 0 if it does not end there.
func quoted(line []byte) int {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		switch {
		case quote == '"' && line[i] == '\\':
			i++
		case line[i] != quote:
		case quote == '\'' && i+1 < len(line) && line[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return 0
}

// plain returns the length of the plain scalar that line starts with. It ends where it would within
// brackets; names and references, which alone are replaced, contain nothing of that.
func plain(line []byte) int {
	n := 0
	for n < len(line) {
		c, last := line[n], n+1 == len(line)
		space := last || line[n+1] == ' ' || line[n+1] == '\r'
		if c == ',' || c == ']' || c == '}' || c == '[' || c == '{' || c == ':' && space || c == ' ' && !last && line[n+1] == '#' {
			break
		}
		n++
	}
	return len(bytes.TrimRight(line[:n], " \t\r"))
}

// replace returns the edit that puts a name in place of the scalar at a place: none if there is no
// scalar that can be told apart for sure.
func (p *parser) replace(at Pos, name string) []Edit {
	start, ok := p.source.offset(at)
	if !ok {
		return nil
	}
	end, ok := p.source.scalar(start)
	if !ok || strings.ContainsAny(name, " '\"\\") {
		return nil
	}
	if c := p.source.text[start]; c == '"' || c == '\'' {
		start, end = start+1, end-1
	}
	return []Edit{{File: p.file, Start: start, End: end, Text: name}}
}

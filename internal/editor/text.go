package editor

import (
	"bytes"
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/omninode-ai/omninode/contract"
)

// pathOf returns the file that a URI names, "" if it names none.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return filepath.FromSlash(u.Path)
}

func uriOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// positionAt converts a byte of a text to a position.
func positionAt(text []byte, offset int) position {
	before := text[:min(offset, len(text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return position{Line: bytes.Count(before, []byte("\n")), Character: units(before[start:])}
}

// units counts UTF-16 code units.
func units(text []byte) int {
	n := 0
	for _, r := range string(text) {
		if r > 0xffff {
			n++
		}
		n++
	}
	return n
}

// offsetAt converts a position to a byte of a text; one behind the end of its line is the end.
func offsetAt(text []byte, p position) int {
	start := lineStart(text, p.Line)
	i, n := start, 0
	for i < len(text) && text[i] != '\n' && n < p.Character {
		r, size := utf8.DecodeRune(text[i:])
		if r > 0xffff {
			n++
		}
		n, i = n+1, i+size
	}
	return i
}

// lineStart returns the byte at which a line starts, counted from 0.
func lineStart(text []byte, line int) int {
	start := 0
	for range line {
		i := bytes.IndexByte(text[start:], '\n')
		if i < 0 {
			return len(text)
		}
		start += i + 1
	}
	return start
}

// offsetOf converts a place of a contract, whose columns count characters, to a byte.
func offsetOf(text []byte, at contract.Pos) int {
	i := lineStart(text, at.Line-1)
	for range at.Column - 1 {
		_, size := utf8.DecodeRune(text[i:])
		if size == 0 || text[i] == '\n' {
			break
		}
		i += size
	}
	return i
}

// spanOf returns the word that starts at a place, at least one character if there is one.
func spanOf(text []byte, at contract.Pos) span {
	start := offsetOf(text, at)
	end := start
	for end < len(text) && !strings.ContainsRune(" \t\r\n,]}", rune(text[end])) && !bytes.HasPrefix(text[end:], []byte(": ")) {
		end++
	}
	return span{positionAt(text, start), positionAt(text, end)}
}

func edits(text []byte, list []contract.Edit) []textEdit {
	var out []textEdit
	for _, e := range list {
		out = append(out, textEdit{span{positionAt(text, e.Start), positionAt(text, e.End)}, e.Text})
	}
	return out
}

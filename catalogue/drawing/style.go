package drawing

import (
	"strings"
	"unicode"
)

// kind is how boxes of a kind look.
type kind struct {
	name         string
	fill, stroke string // in the light
	dark, glow   string // the same in the dark
}

func kinds() []kind {
	return []kind{
		{"orchestrator", "#f3e8ff", "#7c3aed", "#2a1f42", "#a78bfa"},
		{"reducer", "#dcfce7", "#15803d", "#12301f", "#4ade80"},
		{"effect", "#ffedd5", "#c2410c", "#3a2314", "#fb923c"},
		{"compute", "#dbeafe", "#1d4ed8", "#172a4a", "#60a5fa"},
		{KindOutside, "#f6f8fa", "#8c959f", "#1c2128", "#768390"},
		{KindInitial, "#e0f2fe", "#0369a1", "#102c3d", "#38bdf8"},
		{KindState, "#f6f8fa", "#57606a", "#1c2128", "#909dab"},
		{KindStep, "#f6f8fa", "#57606a", "#1c2128", "#909dab"},
		{KindFinal, "#dcfce7", "#15803d", "#12301f", "#4ade80"},
		{KindFailed, "#fee2e2", "#b91c1c", "#3d1a1a", "#f87171"},
		{ClassCommand, "#ffffff", "#57606a", "#0d1117", "#909dab"},
		{ClassEvent, "#ffffff", "#0f766e", "#0d1117", "#2dd4bf"},
		{ClassFailure, "#ffffff", "#b91c1c", "#0d1117", "#f87171"},
	}
}

// kindOf returns how a kind looks; an unknown one looks like a state.
func kindOf(name string) kind {
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	return kindOf(KindState)
}

// printable replaces what is no visible character of a line by a space.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, s)
}

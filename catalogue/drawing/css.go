package drawing

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"strings"
)

// shapes is how everything looks but for its colours, which are variables.
const shapes = `.page { fill: var(--page) }
text { font: 11.5px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--text); text-anchor: middle }
.title { font-size: 14px; font-weight: 600 }
.small { fill: var(--soft) }
.part { font-size: 15px; font-weight: 600; text-anchor: start }
.legend text { fill: var(--soft); text-anchor: start }
.box rect { stroke-width: 1.4 }
.outside rect { stroke-dasharray: 4 3 }
.line { fill: none; stroke-width: 1.4 }
.line.event { stroke-dasharray: 5 3 }
.line.failure { stroke-dasharray: 2 3 }
.label rect { fill: var(--page); stroke-width: 0.8; stroke-opacity: 0.55 }
`

// standaloneStyle returns the style of a drawing that stands by itself. Viewers that know no variables,
// as most outside of browsers, take the light colour in front of each.
func standaloneStyle() string {
	light := maps.Collect(variables(Colours(false)))
	style := use.ReplaceAllStringFunc(Style(), func(rule string) string {
		m := use.FindStringSubmatch(rule)
		return m[1] + ": " + light[m[2]] + "; " + rule
	})
	return "svg { " + Colours(false) + "}\n@media (prefers-color-scheme: dark) { svg { " + Colours(true) + "} }\n" + style
}

// use is a colour taken from a variable.
var use = regexp.MustCompile(`(fill|stroke): var\((--[a-z-]+)\)`)

// variables yields the names and values of a list of declarations.
func variables(declarations string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for d := range strings.SplitSeq(declarations, "; ") {
			if name, value, ok := strings.Cut(d, ": "); ok && !yield(name, value) {
				return
			}
		}
	}
}

// Style returns the rules of shapes and the colours they take from variables.
func Style() string { return shapes + colours() }

// Colours returns the variables that Style refers to, for light or dark surroundings.
func Colours(dark bool) string {
	var b strings.Builder
	page, text, soft := "#ffffff", "#1f2328", "#57606a"
	if dark {
		page, text, soft = "#0d1117", "#e6edf3", "#9198a1"
	}
	fmt.Fprintf(&b, "--page: %s; --text: %s; --soft: %s; ", page, text, soft)
	for _, k := range kinds() {
		fill, stroke := k.fill, k.stroke
		if dark {
			fill, stroke = k.dark, k.glow
		}
		fmt.Fprintf(&b, "--%[1]s: %[2]s; --%[1]s-line: %[3]s; ", k.name, fill, stroke)
	}
	return b.String()
}

// colours ties kinds and classes to the variables.
func colours() string {
	var b strings.Builder
	for _, k := range kinds() {
		switch k.name {
		case ClassCommand, ClassEvent, ClassFailure:
			fmt.Fprintf(&b, ".line.%[1]s, .label.%[1]s rect { stroke: var(--%[1]s-line) } marker.%[1]s path { fill: var(--%[1]s-line) }\n", k.name)
		default:
			fmt.Fprintf(&b, ".box.%[1]s rect { fill: var(--%[1]s); stroke: var(--%[1]s-line) }\n", k.name)
		}
	}
	return b.String()
}

package contract

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	maxText     = 2000 // characters of a description
	maxDuration = 365 * 24 * time.Hour
	quotedStyle = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
)

// describe names what a node is, for messages about wrong types.
func describe(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

func (p *parser) wrongType(it *item, want string) {
	fix, edits := "write "+want, []Edit(nil)
	if it.node.Kind == yaml.ScalarNode && it.node.Value != "" {
		switch want {
		case "text":
			fix, edits = "put it in quotes", p.quote(it.node)
		case "a list":
			fix, edits = "put it in brackets", p.wrap(it.node, "[", "]")
		}
	}
	what := strconv.Quote(it.key)
	if it.key == "" {
		what = "the contract"
	}
	p.report(p.pos(it.node), ruleWrongType, fix, "%s is %s, want %s", what, describe(it.node), want).edit(edits...)
}

func (p *parser) badValue(it *item, fix, format string, args ...any) *Diagnostic {
	return p.report(p.pos(it.node), ruleBadValue, fix, format, args...)
}

// oldBoolean tells whether YAML 1.1 reads s as a boolean where YAML 1.2 reads text.
func oldBoolean(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

// text reads printable text.
func (p *parser) text(it *item) (string, bool) {
	if it == nil {
		return "", false
	}
	n := it.node
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		p.wrongType(it, "text")
		return "", false
	}
	if n.Style&quotedStyle == 0 && oldBoolean(n.Value) {
		p.report(p.pos(n), ruleYAMLBoolean, "put it in quotes", "%q is a boolean for YAML 1.1 readers", n.Value).edit(p.quote(n)...)
		return "", false
	}
	if i := strings.IndexFunc(n.Value, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }); i >= 0 {
		p.badValue(it, "remove it", "%q contains a character that does not print", it.key)
		return "", false
	}
	return n.Value, true
}

// line reads text of one line; the newline that a block scalar ends with does not count.
func (p *parser) line(it *item) (string, bool) {
	s, ok := p.text(it)
	s = strings.TrimRight(s, "\n")
	switch {
	case !ok:
		return "", false
	case strings.Contains(s, "\n"):
		p.badValue(it, "write it in one line, or fold it with >-", "%q has more than one line", it.key)
		return "", false
	}
	return s, true
}

func (p *parser) description(it *item) string {
	s, ok := p.line(it)
	switch {
	case !ok:
		return ""
	case strings.TrimSpace(s) == "":
		p.report(it.at, ruleEmpty, "say what it is for, or remove the key", "%q is empty", it.key).edit(p.removeEntry(it)...)
	case utf8.RuneCountInString(s) > maxText:
		p.badValue(it, "shorten it", "%q has more than %d characters", it.key, maxText)
	}
	return s
}

// choice reads one of the words its form allows.
func (p *parser) choice(it *item) (string, bool) {
	s, ok := p.text(it)
	if !ok {
		return "", false
	}
	words := it.form.Words
	if slices.Contains(words, s) {
		return s, true
	}
	fix := "use " + oneOf(words)
	if near := p.nearest(s, words); near != "" {
		fix = didYouMean(near)
	}
	p.badValue(it, fix, "%q is %q, want %s", it.key, s, oneOf(words))
	return "", false
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (p *parser) boolean(it *item) bool {
	if it == nil {
		return false
	}
	if it.node.Kind != yaml.ScalarNode || it.node.ShortTag() != "!!bool" {
		p.wrongType(it, "true or false")
		return false
	}
	return strings.EqualFold(it.node.Value, "true")
}

// flag reads a boolean whose only use is to be true: writing the default would be a key without a
// meaning.
func (p *parser) flag(it *item) bool {
	v := p.boolean(it)
	if it != nil && it.node.ShortTag() == "!!bool" && !v {
		p.badValue(it, "remove the key", "%q is false, which it is anyway", it.key).edit(p.removeEntry(it)...)
	}
	return v
}

// integer reads a decimal integer within the bounds of its form.
func (p *parser) integer(it *item) (int, bool) {
	text, ok := p.number(it, "integer")
	if !ok {
		return 0, false
	}
	low, high := it.form.Low, it.form.High
	v, err := strconv.Atoi(text)
	switch {
	case err == nil && low <= v && v <= high:
		return v, true
	case low == high && err == nil && v > high: // only the version of the language has one value
		p.badValue(it, "use an omninode that is at least as new as the contract", "%q is %d, a later version of the language than %d, the last this program knows",
			it.key, v, high)
	case low == high && err == nil && v > 0:
		p.badValue(it, "omninode upgrade", "%q is %d, an earlier version of the language than %d", it.key, v, low)
	case low == high:
		p.badValue(it, "write "+strconv.Itoa(low), "%q is %s, want %d", it.key, text, low).edit(p.replace(p.pos(it.node), strconv.Itoa(low))...)
	default:
		p.badValue(it, "choose a number in that range", "%q is %s, want %d to %d", it.key, text, low, high)
	}
	return 0, false
}

// jsonNumber is the grammar of numbers: what JSON, YAML 1.1 and YAML 1.2 agree on.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// number reads a number of the schema type integer or number as canonical decimal text.
func (p *parser) number(it *item, schemaType string) (string, bool) {
	if it == nil {
		return "", false
	}
	n, want := it.node, "a number"
	if schemaType == "integer" {
		want = "an integer"
	}
	tag := n.ShortTag()
	if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" {
		p.wrongType(it, want)
		return "", false
	}
	text, ok := canonical(n.Value, schemaType)
	if !ok {
		p.badValue(it, "write it in plain decimals", "%q is %q, want %s", it.key, n.Value, want)
	}
	return text, ok
}

// canonical returns the one way to write a number, and whether it is one of the schema type.
func canonical(text, schemaType string) (string, bool) {
	if !jsonNumber.MatchString(text) {
		return "", false
	}
	if schemaType == "integer" {
		i, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(i, 10), err == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return "", false
	}
	out, err := json.Marshal(f + 0) // no negative zero
	return string(out), err == nil
}

// duration reads a positive Go duration.
func (p *parser) duration(it *item) (time.Duration, bool) {
	if it == nil {
		return 0, false
	}
	n := it.node
	d, err := time.ParseDuration(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || err != nil:
		p.report(p.pos(n), ruleBadDuration, "write a number with a unit, e.g. 500ms, 30s, 5m or 24h", "%q is %.80q, which is no duration", it.key, n.Value)
	case d < time.Millisecond || d > maxDuration:
		p.report(p.pos(n), ruleBadDuration, "choose a duration from 1ms to 8760h", "%q is %s", it.key, d)
	default:
		return d, true
	}
	return 0, false
}

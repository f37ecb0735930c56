package onextest

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is the JSON Schema of a payload, without references; text has an example.
type schema struct {
	Type       string             `json:"type"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"` // nil: not known, the list stays empty
	MinItems   int                `json:"minItems"`
	MaxItems   int                `json:"maxItems"` // 0: any number
	Format     string             `json:"format"`
	Enum       []string           `json:"enum"`
	Pattern    string             `json:"pattern"`
	MinLength  int                `json:"minLength"`
	MaxLength  int                `json:"maxLength"` // 0: any length
	Minimum    json.Number        `json:"minimum"`
	Maximum    json.Number        `json:"maximum"`
	Example    string             `json:"example"`
}

// maxBytes bounds the values made here, so that they and what follows from them fit into records.
const maxBytes = 256 << 10

// usual returns a value with all properties, each list with as few items as shows one.
func (s *schema) usual() any {
	switch s.Type {
	case "object":
		return s.object((*schema).usual)
	case "array":
		if s.Items == nil {
			return []any{}
		}
		return slices.Repeat([]any{s.Items.usual()}, max(s.MinItems, 1))
	case "string":
		return s.text()
	case "boolean":
		return true
	}
	return s.number()
}

// least returns the value at all lower limits at once.
func (s *schema) least() any {
	switch s.Type {
	case "object":
		return s.object((*schema).least)
	case "array":
		if s.MinItems == 0 {
			return []any{}
		}
		return slices.Repeat([]any{s.Items.least()}, s.MinItems)
	case "string":
		if s.free() && s.MinLength > 0 {
			return strings.Repeat("x", s.MinLength)
		}
		return s.text()
	case "boolean":
		return false
	}
	if s.Minimum != "" {
		return s.Minimum
	}
	return s.number()
}

// most returns the value at all upper limits at once, as far as it has room; what has not stays usual.
func (s *schema) most(room int) any {
	switch s.Type {
	case "object":
		each := room / max(len(s.Properties), 1)
		return s.object(func(p *schema) any { return p.most(each) })
	case "array":
		if s.Items == nil {
			return []any{}
		}
		n := max(s.MaxItems, s.MinItems, 1)
		item := s.Items.most(room / n)
		if size(item)*n > room {
			return s.usual()
		}
		return slices.Repeat([]any{item}, n)
	case "string":
		switch {
		case len(s.Enum) > 0:
			return s.Enum[len(s.Enum)-1]
		case s.free() && s.MaxLength > 0 && 2*s.MaxLength <= room:
			return strings.Repeat("é", s.MaxLength) // lengths count characters, not bytes
		}
		return s.text()
	}
	if s.Maximum != "" {
		return s.Maximum
	}
	return s.usual()
}

func (s *schema) object(value func(*schema) any) map[string]any {
	o := make(map[string]any, len(s.Properties))
	for name, p := range s.Properties {
		o[name] = value(p)
	}
	return o
}

func (s *schema) text() string {
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	return s.Example
}

// free reports whether text is bound by nothing but lengths.
func (s *schema) free() bool { return s.Format == "" && s.Pattern == "" && len(s.Enum) == 0 }

// number returns 1, or the limit nearest to it.
func (s *schema) number() any {
	switch {
	case s.Minimum != "" && float(s.Minimum) > 1:
		return s.Minimum
	case s.Maximum != "" && float(s.Maximum) < 1:
		return s.Maximum
	}
	return json.Number("1")
}

func float(n json.Number) float64 {
	f, _ := n.Float64()
	return f
}

func size(v any) int {
	data, _ := json.Marshal(v)
	return len(data)
}

// outsider is a value that breaks one demand of a schema: at says where, how says which.
type outsider struct {
	at, how string
	value   any
}

func (o outsider) name() string { return strings.TrimSpace(strings.Trim(o.at, ".") + " " + o.how) }

// outside returns values that each break exactly one demand, just so.
func (s *schema) outside() []outsider {
	switch s.Type {
	case "object":
		return s.outsideObject()
	case "array":
		return s.outsideArray()
	case "string":
		return append(s.outsideText(), outsider{how: "is no text", value: json.Number("1")})
	case "boolean":
		return []outsider{{how: "is no boolean", value: "true"}}
	}
	return append(s.outsideNumber(), outsider{how: "is no number", value: "1"})
}

func (s *schema) outsideObject() []outsider {
	list := []outsider{{how: "is no object", value: []any{}}}
	with := func(o outsider, name string, change func(map[string]any)) {
		whole := s.object((*schema).usual)
		change(whole)
		list = append(list, outsider{at: "." + name + o.at, how: o.how, value: whole})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		for _, o := range s.Properties[name].outside() {
			with(o, name, func(whole map[string]any) { whole[name] = o.value })
		}
	}
	for _, name := range s.Required {
		with(outsider{how: "is absent"}, name, func(whole map[string]any) { delete(whole, name) })
		with(outsider{how: "is null"}, name, func(whole map[string]any) { whole[name] = nil })
	}
	return list
}

func (s *schema) outsideArray() []outsider {
	list := []outsider{{how: "is no list", value: map[string]any{}}}
	if s.Items == nil {
		return list
	}
	item := s.Items.usual()
	if s.MinItems > 0 {
		list = append(list, outsider{how: "has too few items", value: slices.Repeat([]any{item}, s.MinItems-1)})
	}
	if n := s.MaxItems + 1; n > 1 && size(item)*n <= maxBytes {
		list = append(list, outsider{how: "has too many items", value: slices.Repeat([]any{item}, n)})
	}
	for _, o := range s.Items.outside() {
		items := append(slices.Repeat([]any{item}, max(s.MinItems, 1)-1), o.value)
		list = append(list, outsider{at: "[]" + o.at, how: o.how, value: items})
	}
	return list
}

func (s *schema) outsideText() []outsider {
	var list []outsider
	add := func(how, text string) { list = append(list, outsider{how: how, value: text}) }
	if s.MinLength > 0 {
		add("is too short", strings.Repeat("é", s.MinLength-1))
	}
	if s.MaxLength > 0 {
		add("is too long", s.Example+strings.Repeat("x", s.MaxLength+1-utf8.RuneCountInString(s.Example)))
	}
	if len(s.Enum) > 0 {
		add("is not in the enum", strings.Join(s.Enum, "")+"x")
	}
	if s.Format != "" {
		add("has another format", "x")
	}
	if s.Pattern != "" {
		if text, ok := unlike(s.Pattern); ok {
			add("does not match", text)
		}
	}
	return list
}

// unlike returns a text that does not match a pattern, if it finds one.
func unlike(pattern string) (string, bool) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", false
	}
	for _, text := range []string{"", "\n", "x", "0", " ", "é", "onextest"} {
		if !re.MatchString(text) {
			return text, true
		}
	}
	return "", false
}

func (s *schema) outsideNumber() []outsider {
	var list []outsider
	for _, limit := range []struct {
		how   string
		at    json.Number
		above bool
	}{{"is too small", s.Minimum, false}, {"is too large", s.Maximum, true}} {
		if n, ok := beyond(s.Type, limit.at, limit.above); ok {
			list = append(list, outsider{how: limit.how, value: n})
		}
	}
	if s.Type == "integer" {
		list = append(list, outsider{how: "is no integer", value: json.Number("1.5")})
	}
	return list
}

// beyond returns the number next to a limit, on its far side.
func beyond(kind string, limit json.Number, above bool) (json.Number, bool) {
	if kind == "integer" {
		n, err := limit.Int64()
		if err != nil || above && n == math.MaxInt64 || !above && n == math.MinInt64 {
			return "", false
		}
		if above {
			return json.Number(strconv.FormatInt(n+1, 10)), true
		}
		return json.Number(strconv.FormatInt(n-1, 10)), true
	}
	f, err := limit.Float64()
	far := math.Nextafter(f, math.Inf(-1))
	if above {
		far = math.Nextafter(f, math.Inf(1))
	}
	return json.Number(strconv.FormatFloat(far, 'g', -1, 64)), err == nil && !math.IsInf(far, 0)
}

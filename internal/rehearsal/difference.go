package rehearsal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Field is a place in a JSON value at which two values differ.
type Field struct {
	Path     string          `json:"path"`     // $.lines[0].quantity
	Recorded json.RawMessage `json:"recorded"` // null also stands for nothing
	Now      json.RawMessage `json:"now"`
}

// maxFields bounds how many fields of one pair are told apart.
const maxFields = 100

// Fields returns where two JSON values differ: neither order of properties nor how a number is written
// counts, nor what is below an ignored path. A value that is no JSON differs as a whole.
func Fields(recorded, now []byte, ignored []string) []Field {
	if bytes.Equal(recorded, now) {
		return nil
	}
	a, errA := decode(recorded)
	b, errB := decode(now)
	if errA != nil || errB != nil {
		return []Field{{Path: "$", Recorded: text(recorded), Now: text(now)}}
	}
	c := &comparison{ignored: ignored}
	c.values("$", a, b)
	return c.fields
}

func decode(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// text returns bytes that are no JSON as a JSON string.
func text(data []byte) json.RawMessage { return raw(string(data)) }

func raw(v any) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}

type comparison struct {
	ignored []string
	fields  []Field
}

func (c *comparison) values(path string, a, b any) {
	if len(c.fields) >= maxFields || slices.Contains(c.ignored, general(path)) || slices.Contains(c.ignored, path) {
		return
	}
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			c.objects(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			c.arrays(path, x, y)
			return
		}
	case json.Number:
		if y, ok := b.(json.Number); ok && same(x, y) {
			return
		}
	default:
		if a == b && !container(b) {
			return
		}
	}
	c.fields = append(c.fields, Field{Path: path, Recorded: raw(a), Now: raw(b)})
}

// container reports whether a value cannot be compared by ==.
func container(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// same compares numbers by value; those too long for that by how they are written.
func same(a, b json.Number) bool {
	if a == b {
		return true
	}
	if len(a) > 64 || len(b) > 64 || strings.ContainsAny(string(a)+string(b), "eE") {
		x, errX := a.Float64()
		y, errY := b.Float64()
		return errX == nil && errY == nil && x == y
	}
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) == 0
}

func (c *comparison) objects(path string, a, b map[string]any) {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c.values(path+"."+name, a[name], b[name])
	}
}

func (c *comparison) arrays(path string, a, b []any) {
	for i := range max(len(a), len(b)) {
		var x, y any
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		c.values(fmt.Sprintf("%s[%d]", path, i), x, y)
	}
}

// general returns a path with its indices left open: $.lines[].quantity.
func general(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		switch {
		case r == '[':
			inside = true
			b.WriteRune(r)
		case r == ']':
			inside = false
			b.WriteRune(r)
		case !inside:
			b.WriteRune(r)
		}
	}
	return b.String()
}

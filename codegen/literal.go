package codegen

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

// literal returns t's example as a Go literal; set replaces the values of properties.
func (ts *typeSet) literal(t *contract.Type, set map[string]string) (string, error) {
	d := json.NewDecoder(bytes.NewReader(t.Example()))
	d.UseNumber()
	var example any
	if err := d.Decode(&example); err != nil {
		return "", fmt.Errorf("example of %s: %w", t.Name, err)
	}
	return ts.use(t) + ts.fields(t, example, set), nil
}

// fields returns the braces of a struct literal.
func (ts *typeSet) fields(t *contract.Type, example any, set map[string]string) string {
	values, _ := example.(map[string]any)
	var fields []string
	for _, p := range t.Schema.Properties {
		v, ok := set[p.Name]
		if !ok && values[p.Name] != nil {
			v, ok = ts.value(p.Schema, values[p.Name]), true
		}
		if ok {
			fields = append(fields, contract.GoName(p.Name)+": "+v)
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (ts *typeSet) value(s *contract.Schema, example any) string {
	switch v := example.(type) {
	case map[string]any:
		return ts.use(s.Ref) + ts.fields(s.Ref, v, nil)
	case []any:
		items := make([]string, 0, len(v))
		for _, item := range v {
			items = append(items, ts.item(s.Items, item))
		}
		return ts.goType(s) + "{" + strings.Join(items, ", ") + "}"
	case string:
		return quote(v)
	}
	return fmt.Sprint(example) // a number or boolean
}

// item is value without the type of a struct, which the list's type says.
func (ts *typeSet) item(s *contract.Schema, example any) string {
	if s.Ref != nil {
		return ts.fields(s.Ref, example, nil)
	}
	return ts.value(s, example)
}

const durationType = "time.Duration"

// settingType returns the Go type of a setting and the config.Reader's method for it.
func settingType(s *contract.Schema) (goType, read string) {
	switch {
	case s.Type == "integer":
		return "int64", "Int"
	case s.Type == "number":
		return "float64", "Float"
	case s.Type == "boolean":
		return "bool", "Bool"
	case s.Format == "duration":
		return durationType, "Duration"
	}
	return "string", "String"
}

// settingRules returns the rules the config.Reader checks.
func settingRules(s *contract.Schema) []string {
	var rules []string
	add := func(format string, args ...any) { rules = append(rules, fmt.Sprintf("config."+format, args...)) }
	if s.Type == "string" && s.Format == "duration" {
		return nil
	}
	for _, b := range []struct {
		rule  string
		limit *string
	}{{"Min", s.Minimum}, {"Max", s.Maximum}} {
		if b.limit != nil {
			add("%s(%s)", b.rule, *b.limit)
		}
	}
	if s.MinLength != nil {
		add("MinLen(%d)", *s.MinLength)
	}
	if s.MaxLength != nil {
		add("MaxLen(%d)", *s.MaxLength)
	}
	if len(s.Enum) > 0 {
		add("OneOf(%s)", quoteAll(s.Enum))
	}
	if s.Pattern != "" {
		add("Pattern(%s)", quote(s.Pattern))
	}
	if f := formatRule(s.Format); f != "" {
		add("%s()", f)
	}
	return rules
}

// settingExample returns a Go expression of a value that the setting accepts.
func settingExample(s *contract.Setting) (string, error) {
	text := s.Example()
	switch goType, _ := settingType(s.Schema); goType {
	case "string":
		return quote(text), nil
	case "bool":
		b, err := strconv.ParseBool(text)
		return strconv.FormatBool(b), err
	case durationType:
		d, err := time.ParseDuration(text)
		return cmp.Or(duration(d), "0"), err
	}
	return numberLiteral(text, s.Schema.Type)
}

// numberLiteral returns the literal of a number, which must fit its Go type.
func numberLiteral(text, schemaType string) (string, error) {
	if schemaType == "integer" {
		n, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10), err
	}
	f, err := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(f, 'f', -1, 64), err
}

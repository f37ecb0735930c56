package omnibase

import (
	"slices"
	"strconv"
	"strings"
)

// resolve returns the type of a model; what the source defines of it is read the first time.
func (d *draft) resolve(model string) *record {
	r := d.record(model)
	if def := d.at.get("definitions", model); def.get("properties").isMap() && !r.read {
		r.read = true
		d.readObject(r, def)
	}
	return r
}

// readObject reads a definition: properties and which of them are required.
func (d *draft) readObject(r *record, v *value) {
	if r.description == "" && line(v.get("description").text()) != "" {
		r.description = line(v.get("description").text())
		r.claim(v.get("description"), "description")
	}
	if t := v.get("type"); t.text() == "object" {
		t.follow(nil, "every type is an object")
	}
	for _, key := range []string{"frozen", "extra"} {
		v.get(key).follow(nil, "payloads are read-only, and a producer emits no property that is not declared")
	}
	r.open = true
	d.readFields(r, v.get("properties"))
	r.open = false
	for _, name := range v.get("required").items() {
		if f := r.field(property(name.text())); f != nil && !f.required {
			f.required = true
			f.claims = append(f.claims, claim{name, "required"})
		}
	}
}

// readFields reads the properties of a type, in each form the dialect has: a list of names, a list of
// name and type, a mapping from names to types.
func (d *draft) readFields(r *record, v *value) {
	for _, e := range v.children() {
		switch {
		case v.isMap():
			d.readField(r, e.name, nil, e)
		case e.scalar():
			d.readField(r, e.text(), e, nil)
		case e.get("name").scalar():
			d.readField(r, e.get("name").text(), e.get("name"), e)
		default:
			for _, one := range e.entries() {
				d.readField(r, one.name, nil, one)
			}
		}
	}
}

// readField reads one property. What the source does not say about it is not invented, except that
// a name without a type is text.
func (d *draft) readField(r *record, name string, at, spec *value) {
	if len(words(name)) == 0 {
		return
	}
	f := r.field(property(name))
	if f != nil {
		or(at, spec).follow(f.at, "property %s is declared already", f.name)
		spec.follow(f.at, "property %s is declared already", f.name)
		return
	}
	f = &field{name: property(name), at: or(at, spec), schema: text()}
	switch {
	case spec == nil && r.read && !r.open:
		at.refuse("add it to the definition", "type %s is defined and has no property %s that a contract can say", r.name, f.name)
		return
	case r.untyped[f.name] || !d.readType(f, spec):
		r.forget(f.name)
		or(at, spec).refuse("declare a type for it and refer to it", "a property of %s is a scalar, a list or a declared type, and the source does not say more", r.name)
		return
	}
	if spec == nil {
		f.note = "the source gives the name only"
		d.src.assume("%s: property %s of type %s is text", d.name, f.name, r.name)
	}
	f.claims = append(f.claims, claim{at, ""})
	if spec.scalar() {
		f.claims = append(f.claims, claim{spec, ""})
	}
	d.readFieldDetails(f, spec)
	r.fields = append(r.fields, f)
}

func (d *draft) readFieldDetails(f *field, spec *value) {
	if v := spec.get("description"); line(v.text()) != "" {
		f.description = line(v.text())
		f.claims = append(f.claims, claim{v, "description"})
	}
	v := spec.get("required")
	switch {
	case v.isTrue():
		f.required = true
		f.claims = append(f.claims, claim{v, "required"})
	case v.isFalse():
		v.follow(nil, "a property is optional unless it is required")
	}
	if v := spec.get("nullable"); v.isTrue() && !f.required {
		v.follow(nil, "an optional property may be absent")
	}
	if v := spec.get("default"); v != nil && v.node.ShortTag() == "!!null" {
		v.follow(nil, "an optional property may be absent")
	}
}

// readType reads the type of a property; false if a contract cannot say it.
func (d *draft) readType(f *field, spec *value) bool {
	if spec == nil {
		return true
	}
	if spec.scalar() {
		return d.typed(f, spec.text()) && (!f.list || len(f.schema) > 0 || f.ref != nil)
	}
	t := spec.get("type")
	enum := spec.get("enum")
	if ref := spec.first("$ref", "ref"); ref.scalar() {
		f.claims = append(f.claims, claim{ref, "$ref"})
		t.follow(ref, "it is a reference")
		return d.refer(f, ref.text())
	}
	if texts := enumOf(enum); texts != "" && (t == nil || slices.Contains([]string{"str", "string", "enum"}, t.text())) {
		f.schema = append(text(), pair{"enum", texts})
		for _, e := range enum.items() {
			f.claims = append(f.claims, claim{e, "enum"})
		}
		t.follow(enum, "an enum is of text")
		return true
	}
	if t == nil {
		return false
	}
	ok := d.typed(f, t.text())
	if ok && f.list {
		ok = d.readElements(f, spec)
	}
	if !ok {
		return false
	}
	f.claims = append(f.claims, claim{t, "type"})
	d.readBounds(f, spec)
	return true
}

// readElements reads what a list holds, unless its type says so: list[str].
func (d *draft) readElements(f *field, spec *value) bool {
	if len(f.schema) > 0 || f.ref != nil {
		return true
	}
	items := spec.first("items", "item_type")
	of := items
	if items.isMap() {
		of = items.first("$ref", "ref", "type")
	}
	e := &field{}
	if !of.scalar() || !d.typed(e, of.text()) || e.list {
		return false
	}
	f.schema, f.ref = e.schema, e.ref
	f.claims = append(f.claims, claim{of, "items"})
	return true
}

// readBounds reads the limits of a number and of the length of a text.
func (d *draft) readBounds(f *field, spec *value) {
	numeric := slices.Contains(f.schema, pair{"type", "integer"}) || slices.Contains(f.schema, pair{"type", "number"})
	for _, b := range [][2]string{{"ge", "minimum"}, {"minimum", "minimum"}, {"le", "maximum"}, {"maximum", "maximum"}} {
		v := spec.get(b[0])
		if n, ok := number(v, f.schema); ok && numeric && !f.list && !has(f.schema, b[1]) {
			f.schema = append(f.schema, pair{b[1], n})
			f.claims = append(f.claims, claim{v, b[1]})
		}
	}
	plain := slices.Equal(f.schema, text())
	for _, b := range [][2]string{{"min_length", "minLength"}, {"minLength", "minLength"}, {"max_length", "maxLength"}, {"maxLength", "maxLength"}} {
		v := spec.get(b[0])
		if plain && !f.list && inRange(v.text(), 1, 1<<16) && !has(f.schema, b[1]) {
			f.schema = append(f.schema, pair{b[1], v.text()})
			f.claims = append(f.claims, claim{v, b[1]})
		}
	}
}

func has(schema []pair, key string) bool {
	return slices.ContainsFunc(schema, func(p pair) bool { return p.key == key })
}

// number returns a bound in the form the schema's type needs.
func number(v *value, schema []pair) (string, bool) {
	n, err := strconv.ParseFloat(v.text(), 64)
	if err != nil || n != n || n > 1e15 || n < -1e15 {
		return "", false
	}
	if slices.Contains(schema, pair{"type", "integer"}) {
		return strconv.FormatInt(int64(n), 10), n == float64(int64(n))
	}
	return strconv.FormatFloat(n, 'f', -1, 64), true
}

// enumOf returns the list of an enum as it stands in a contract, "" if it is none.
func enumOf(v *value) string {
	var texts []string
	for _, e := range v.items() {
		t := line(e.text())
		if t == "" || slices.Contains(texts, quote(t)) {
			return ""
		}
		texts = append(texts, quote(t))
	}
	if len(texts) == 0 || len(texts) > 200 {
		return ""
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// typed reads the type of the dialect: of Python, or of JSON Schema.
func (d *draft) typed(f *field, spec string) bool {
	spec = strings.TrimSpace(spec)
	for _, none := range []string{" | None", "|None", "| None"} {
		spec = strings.TrimSuffix(spec, none)
	}
	if inner, ok := strings.CutPrefix(spec, "Optional["); ok {
		spec = strings.TrimSuffix(inner, "]")
	}
	head, inner, generic := strings.Cut(strings.TrimSuffix(spec, "]"), "[")
	switch strings.ToLower(head) {
	case "list", "array", "sequence", "set", "frozenset":
		return d.listed(f, inner, generic)
	case "tuple":
		inner, _, _ = strings.Cut(inner, ",")
		return d.listed(f, inner, generic)
	}
	if s := scalarOf(strings.ToLower(spec)); s != nil {
		f.schema = s
		return true
	}
	return d.refer(f, spec)
}

func (d *draft) listed(f *field, inner string, generic bool) bool {
	f.list, f.schema = true, nil
	if !generic {
		return true // readElements says what it holds
	}
	e := &field{}
	if !d.typed(e, inner) || e.list {
		return false
	}
	f.schema, f.ref = e.schema, e.ref
	return true
}

// refer makes f a reference to a model that the source defines.
func (d *draft) refer(f *field, spec string) bool {
	spec = spec[strings.LastIndex(spec, "/")+1:]
	if !d.at.get("definitions", spec, "properties").isMap() {
		return false
	}
	r := d.resolve(spec)
	if r.open || len(r.fields) == 0 { // it would contain itself, or nothing
		return false
	}
	f.ref, f.schema = r, nil
	return true
}

// scalarOf returns the schema of a scalar type, nil if it is none.
func scalarOf(spec string) []pair {
	switch spec {
	case "str", "string", "text", "path", "secretstr", "enum":
		return text()
	case "uuid", "uuid4":
		return append(text(), pair{"format", "uuid"})
	case "datetime", "date-time", "timestamp":
		return append(text(), pair{"format", "date-time"})
	case "date":
		return append(text(), pair{"format", "date"})
	case "url", "uri", "httpurl", "anyurl":
		return append(text(), pair{"format", "uri"})
	case "email", "emailstr":
		return append(text(), pair{"format", "email"})
	case "int", "integer":
		return []pair{{"type", "integer"}}
	case "float", "number", "decimal", "double":
		return []pair{{"type", "number"}}
	case "bool", "boolean":
		return []pair{{"type", "boolean"}}
	}
	return nil
}

// readModels reads the models of the whole node.
func (d *draft) readModels() {
	d.in = d.readModel(or(d.at.get("input_model"), d.at.get("handler", "input_model")))
	d.out = d.readModel(or(d.at.get("output_model"), d.at.get("handler", "output_model")))
	if other := d.at.get("handler", "input_model"); d.in != nil && modelName(other.text()) == d.in.model {
		other.follow(d.at.get("input_model"), "the node's input_model")
	}
	for _, key := range []string{"inputs", "input_state"} {
		d.in = d.readParts(d.in, d.at.get(key), "input")
	}
	for _, key := range []string{"outputs", "output_state"} {
		d.out = d.readParts(d.out, d.at.get(key), "output")
	}
	d.state = d.readModel(d.at.get("state_model"))
}

// readModel reads the name of a model, which is a mapping or a dotted path.
func (d *draft) readModel(v *value) *record {
	name := v
	if v.isMap() {
		name = v.first("name", "class", "class_name")
	}
	if len(words(modelName(name.text()))) == 0 {
		return nil
	}
	r := d.resolve(modelName(name.text()))
	r.claim(name, "")
	if desc := v.get("description"); r.description == "" && line(desc.text()) != "" {
		r.description = line(desc.text())
		r.claim(desc, "description")
	} else if desc != nil && line(desc.text()) == r.description {
		desc.follow(nil, "type %s says so already", r.name)
	}
	return r
}

// readParts reads properties that the node lists without a model.
func (d *draft) readParts(r *record, v *value, what string) *record {
	if len(v.children()) == 0 || v.isList() && !v.children()[0].get("name").scalar() {
		return r
	}
	if r == nil {
		r = d.record(d.name + "-" + what)
	}
	if v.get("object_type") != nil {
		v.get("object_type").follow(nil, "every type is an object")
		d.readFields(r, v.get("required"))
		for _, name := range v.get("required").items() {
			if f := r.field(property(name.text())); f != nil {
				f.required = true
			}
		}
		d.readFields(r, v.get("optional"))
		return r
	}
	d.readFields(r, v)
	return r
}

// duration writes a number of units as a duration of the language, "" if it is none.
func duration(s string, unit float64) string {
	n, err := strconv.ParseFloat(s, 64)
	ms := n * unit
	if err != nil || !(ms >= 1) || ms > 8760*3600*1000 {
		return ""
	}
	for _, u := range []struct {
		ms   float64
		name string
	}{{3600_000, "h"}, {60_000, "m"}, {1000, "s"}} {
		if k := ms / u.ms; k == float64(int64(k)) {
			return strconv.FormatInt(int64(k), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(ms), 10) + "ms"
}

// Units of durations, in milliseconds.
const (
	millisecond = 1
	second      = 1000
)

func inRange(s string, low, high int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= low && n <= high && s == strconv.Itoa(n)
}

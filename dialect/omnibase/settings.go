package omnibase

import (
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// readSettings reads what a node is configured with and what it needs: config, environment,
// dependencies, flags and health checks.
func (d *draft) readSettings() {
	for _, e := range d.at.get("config").entries() {
		d.readSetting(e)
	}
	for _, key := range []string{"env_dependencies", "env_deps", "env_requirements"} {
		v := d.at.get(key)
		for _, e := range v.entries() {
			d.addVariable(e.name, e, e)
		}
		for _, e := range v.items() {
			if e.scalar() {
				d.addVariable(e.text(), e, nil)
			} else {
				name := e.first("name", "env_var", "key")
				d.addVariable(name.text(), name, e)
			}
		}
	}
	d.readDependencies()
	for _, e := range d.at.get("feature_flags").children() {
		d.readFlag(e)
	}
	d.readHealth()
}

// readSetting reads an entry of config: a value, which is its default, or a mapping that describes it.
func (d *draft) readSetting(v *value) {
	if len(words(v.name)) == 0 {
		return
	}
	if v.scalar() {
		kind := settingType(v)
		if kind == "" {
			return
		}
		d.addSetting(entry{key: v.name, pairs: []pair{{"type", kind}, {"default", scalarText(v, kind)}}}, "config")
		v.carry("config")
		return
	}
	if v.isMap() && (v.get("default") != nil || v.get("type") != nil || v.get("required") != nil) {
		d.addVariable(v.name, v, v)
	}
}

// settingType tells which type a value has, "" if a setting cannot be it.
func settingType(v *value) string {
	switch v.node.ShortTag() {
	case "!!bool":
		return "boolean"
	case "!!int":
		if _, err := strconv.ParseInt(v.text(), 10, 64); err == nil {
			return "integer"
		}
	case "!!float":
		if n, ok := number(v, nil); ok && n != "" {
			return "number"
		}
	}
	if t := v.text(); len(t) <= 4096 && t == line(t) {
		return "string"
	}
	return ""
}

// scalarText returns a default as it stands in a contract.
func scalarText(v *value, kind string) string {
	switch kind {
	case "boolean":
		return strings.ToLower(v.text())
	case "integer":
		n, err := strconv.ParseInt(v.text(), 10, 64)
		if err == nil {
			return strconv.FormatInt(n, 10)
		}
	case "number":
		if n, ok := number(v, nil); ok {
			return n
		}
	}
	return quote(v.text())
}

// addVariable adds a setting, or a secret if its name says so. about describes it, if anything does.
func (d *draft) addVariable(name string, at, about *value) {
	if len(words(name)) == 0 {
		return
	}
	desc := line(about.get("description").text())
	if secretName(name) && about.get("default") == nil {
		d.addSecret(name, at, about, desc)
		return
	}
	e := entry{key: name, pairs: []pair{{"type", "string"}}}
	if t := about.get("type"); t != nil {
		if s := scalarOf(strings.ToLower(t.text())); s != nil {
			e.pairs = s
			t.carry("config." + name)
		}
	}
	def, required := about.get("default"), about.get("required")
	switch {
	case def.scalar() && settingType(def) == e.pairs[0].text:
		e.pairs = append(e.pairs, pair{"default", scalarText(def, e.pairs[0].text)})
		def.carry("config." + name)
		required.follow(def, "a setting with a default is not required")
	case required.isFalse() && e.pairs[0].text == "string" && len(e.pairs) == 1:
		e.pairs = append(e.pairs, pair{"default", `""`})
		required.carry("config." + name)
	default:
		if required.isTrue() {
			required.follow(nil, "a setting without a default is required")
		}
	}
	if desc != "" {
		e.pairs = append(e.pairs, pair{"description", quote(desc)})
		about.get("description").carry("config." + name)
	}
	d.addSetting(e, "config")
	if at.scalar() {
		at.carry("config." + name)
	}
}

func (d *draft) addSetting(e entry, _ string) {
	e.key = d.keys.take(snake(e.key, "setting"), "_")
	d.config = append(d.config, e)
}

// secretName tells whether a variable is named like a secret.
func secretName(name string) bool {
	w := words(name)
	return slices.ContainsFunc(w, func(s string) bool {
		return slices.Contains([]string{"secret", "token", "password", "passwd", "credential", "credentials"}, s)
	}) || len(w) > 1 && w[len(w)-1] == "key" && slices.Contains([]string{"api", "access", "private", "signing"}, w[len(w)-2])
}

func (d *draft) addSecret(name string, at, about *value, desc string) {
	if d.kind == contract.Compute {
		or(at, about).refuse("make the node an effect", "a compute node is pure and reads no secret")
		return
	}
	if desc == "" {
		desc = "Value of " + strings.Join(words(name), "_") + "."
		d.src.assume("%s: secret %s is described by its name", d.name, name)
	} else {
		about.get("description").carry("secrets." + name)
	}
	d.secrets = append(d.secrets, entry{key: d.keys.take(snake(name, "secret"), "_"), pairs: []pair{{"description", quote(desc)}}})
	if r := about.get("required"); r.isTrue() {
		r.follow(nil, "a secret is required")
	}
	if at.scalar() {
		at.carry("secrets." + name)
	}
}

// readDependencies reads what a node needs. Protocols and services become interfaces of the handler,
// variables become settings or secrets.
func (d *draft) readDependencies() {
	deps := d.at.get("dependencies")
	if deps.isList() {
		for _, e := range deps.items() {
			d.readDependency(e)
		}
	}
	for _, e := range d.at.get("handler_routing", "handler_dependencies").entries() {
		if p := e.get("protocol"); p.scalar() {
			d.addRequirement(e.name, e, p)
		}
	}
}

func (d *draft) readDependency(e *value) {
	name, kind := e.first("name", "key"), e.first("type", "dependency_type")
	switch {
	case !name.scalar() || len(words(name.text())) == 0:
	case e.get("env_var").scalar():
		d.addVariable(name.text(), name, e)
		env := e.get("env_var")
		env.follow(nil, "the variable of a setting is named after node and key")
		kind.follow(env, "a variable is a setting or a secret")
	case slices.Contains([]string{"protocol", "service", "adapter"}, strings.ToLower(kind.text())):
		d.addRequirement(name.text(), e, e.first("class_name", "protocol", "interface"))
		if d.kind != contract.Compute {
			kind.carry("requires")
		}
	case strings.EqualFold(kind.text(), "environment"):
		d.addVariable(name.text(), name, e)
		kind.carry("config")
	}
}

// addRequirement adds a Go interface that the handler needs.
func (d *draft) addRequirement(name string, e, class *value) {
	if d.kind == contract.Compute {
		e.refuse("make the node an effect, or give the handler what it needs with its input", "a compute node is pure and depends on nothing")
		return
	}
	of := name
	if class.scalar() && len(words(modelName(class.text()))) > 0 {
		of = modelName(class.text())
	}
	if w := words(of); len(w) > 1 && w[0] == "protocol" {
		of = strings.Join(w[1:], " ")
	}
	key := snake(strings.TrimPrefix(name, "protocol_"), "requirement")
	if slices.ContainsFunc(d.requires, func(r entry) bool { return r.key == key }) {
		e.refuse("name it once", "the requirement %s is there already", key)
		return
	}
	d.requires = append(d.requires, entry{key: key, text: d.types.take(typeName(of), ""), note: line(e.get("description").text())})
	e.get("name").carry("requires")
	class.carry("requires")
	if r := e.get("required"); r.isTrue() {
		r.follow(nil, "a requirement is always there")
	}
	if r := e.get("optional"); r.isFalse() {
		r.follow(nil, "a requirement is always there")
	}
}

func (d *draft) readFlag(e *value) {
	name, def, desc := e.first("name", "key"), e.first("default_value", "default"), e.get("description")
	if name == nil && e.name != "" {
		name = e
	}
	text := name.text()
	if name == e {
		text = e.name
	}
	if len(words(text)) == 0 || !def.isTrue() && !def.isFalse() || line(desc.text()) == "" {
		return
	}
	key := scopeOf(d.flags).take(snake(text, "flag"), "_")
	d.flags = append(d.flags, entry{key: key, pairs: []pair{{"default", strings.ToLower(def.text())}, {"description", quote(line(desc.text()))}}})
	for _, v := range []*value{name, def, desc} {
		if v.scalar() {
			v.carry("flags." + key)
		}
	}
	e.get("env_var").follow(nil, "the variable of a flag is named after node and flag")
}

func scopeOf(list []entry) scope {
	s := scope{}
	for _, e := range list {
		s.reserve(e.key)
	}
	return s
}

// readHealth reads which backends are checked. That the process answers at all needs no key.
func (d *draft) readHealth() {
	v := d.at.get("health_check")
	every := duration(v.get("interval_seconds").text(), second)
	for _, b := range v.get("backends").items() {
		d.readCheck(b, v, every)
	}
	if e := v.get("enabled"); e.isTrue() {
		e.follow(nil, "every node answers /healthz and /readyz")
	}
	for _, c := range v.get("checks").items() {
		switch kind := c.first("type", "check_type"); kind.text() {
		case "handler":
			c.follow(nil, "a node whose handler cannot be built does not start")
		case "environment":
			c.follow(nil, "a node that lacks a setting does not start and lists it")
		}
	}
}

func (d *draft) readCheck(b, v *value, every string) {
	name := b.get("name")
	if every == "" || d.kind == contract.Compute || len(words(name.text())) == 0 {
		return
	}
	key := snake(name.text(), "backend")
	i := slices.IndexFunc(d.requires, func(r entry) bool { return r.key == key || alike(r.key, key) >= 0.5 })
	if i < 0 {
		i = len(d.requires)
		d.requires = append(d.requires, entry{key: key, text: d.types.take(typeName(key+"_backend"), "")})
	}
	key = d.requires[i].key
	if slices.ContainsFunc(d.health, func(h entry) bool { return h.key == key }) {
		return
	}
	e := entry{key: key, pairs: []pair{{"every", every}}}
	if ms := b.get("timeout_ms"); duration(ms.text(), millisecond) != "" && millis(duration(ms.text(), millisecond)) < millis(every) {
		e.pairs = append(e.pairs, pair{"timeout", duration(ms.text(), millisecond)})
		ms.carry("health." + key)
	}
	d.health = append(d.health, e)
	name.carry("health." + key)
	v.get("interval_seconds").carry("health." + key)
}

package contract

import (
	"cmp"
	"slices"
)

// maxDefault bounds the default of a setting, which ends up in an environment.
const maxDefault = 4096

func (p *parser) readSettings(it *item) {
	s := p.section(it, "config")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		if p.snakeName(e, "a setting") {
			p.claimSetting(e, "setting "+e.key)
			p.claim(scopeConfig, GoName(e.key), "setting "+e.key, e.at)
			p.contract.Settings = append(p.contract.Settings, p.readSetting(e))
		}
	}
	slices.SortFunc(p.contract.Settings, func(a, b *Setting) int { return cmp.Compare(a.Key, b.Key) })
}

// claimSetting takes the environment variable of a setting or secret.
func (p *parser) claimSetting(it *item, what string) {
	if p.contract.Node != "" {
		p.claim(scopeEnv, Env(p.contract.Node, it.key), what, it.at)
	}
}

// readSetting reads a scalar schema with a default. Generated tests run with the default, else with
// an example.
func (p *parser) readSetting(it *item) *Setting {
	set := &Setting{Key: it.key, Pos: it.at}
	s := p.section(it, "setting "+it.key)
	if s.broken {
		return set
	}
	set.Description = p.description(s.get("description"))
	def := s.get("default")
	if schema, ok := p.settingSchema(s); ok {
		set.Schema = schema
		set.Default = p.readDefault(def, schema)
		if def == nil {
			p.checkExample(it, schema)
		}
	}
	s.done()
	return set
}

func (p *parser) settingSchema(s *section) (*Schema, bool) {
	t, ok := p.schemaType(s)
	if !ok {
		p.skipConstraints(s)
		return nil, false
	}
	schema := &Schema{Type: t}
	p.readConstraints(s, schema)
	return schema, true
}

func (p *parser) readDefault(it *item, schema *Schema) *string {
	if it == nil {
		return nil
	}
	v, ok := p.scalarText(it, schema)
	if !ok {
		return nil
	}
	if len(v) > maxDefault {
		p.badValue(it, "leave it to the environment", "default has more than %d characters", maxDefault)
	}
	if wrong := schema.violation(v); wrong != "" {
		p.badValue(it, "change the default or the constraint", "default %s", wrong)
	}
	return &v
}

func (p *parser) readSecrets(it *item) {
	secrets := p.section(it, "secrets")
	p.nonEmpty(it, secrets)
	for _, e := range secrets.items {
		if !p.snakeName(e, "a secret") {
			continue
		}
		p.claim(scopeConfig, GoName(e.key), "secret "+e.key, e.at)
		secret := p.readSecret(e)
		for _, key := range secret.Keys() {
			p.claimSetting(&item{key: key, at: e.at}, "secret "+e.key)
		}
		p.contract.Secrets = append(p.contract.Secrets, secret)
	}
	slices.SortFunc(p.contract.Secrets, func(a, b *Secret) int { return cmp.Compare(a.Key, b.Key) })
}

func (p *parser) readSecret(it *item) *Secret {
	s := p.section(it, "secret "+it.key)
	secret := &Secret{Key: it.key, Pos: it.at}
	secret.Description = p.description(s.get("description"))
	secret.DatabaseRole = p.readRole(s.get("database_role"))
	for _, key := range []string{"default", "value"} {
		if v := s.index[key]; v != nil {
			s.taken[key] = true
			p.report(v.at, ruleMisplacedKey, "remove it, omninode seed writes secrets to the store", "a contract never holds a secret's value")
		}
	}
	s.done()
	return secret
}

// readRole reads the name of a role of Vault's database engine.
func (p *parser) readRole(it *item) string {
	role, ok := p.text(it)
	if ok && !it.form.fits(role) {
		p.badName(it, role, it.form.Word, "lower-case words joined by hyphens or underscores, at most 48 characters, e.g. reporting-reader")
	}
	return role
}

func (p *parser) readRequirements(it *item) {
	requires := p.section(it, "requires")
	p.nonEmpty(it, requires)
	seen := map[string]bool{}
	for _, e := range requires.items {
		if !p.snakeName(e, "a requirement") {
			continue
		}
		p.claim(scopeRequirement, GoName(e.key), "requirement "+e.key, e.at)
		name, ok := p.text(e)
		if !ok || !p.typeName(p.pos(e.node), name, "a Go interface") {
			continue
		}
		if !seen[name] {
			p.claim(scopeType, name, "interface "+name, p.pos(e.node))
		}
		seen[name] = true
		p.contract.Requires = append(p.contract.Requires, &Requirement{Name: e.key, Type: name, Pos: e.at})
	}
	slices.SortFunc(p.contract.Requires, func(a, b *Requirement) int { return cmp.Compare(a.Name, b.Name) })
}

package codegen

import (
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// The types of secrets in Config.
const (
	secretType      = "config.Secret"
	credentialsType = "config.Credentials"
)

// setting is one field of Config: a setting or a secret.
type setting struct {
	Field, Type, Doc string
	Read             string
	Values           []value // what is resolved for it: one, or two of credentials
	Default, Secret  string  // Go literals; may be ""
	Description      string
	Example          string // Go expression
}

// value is what the runtime resolves; its fields are Go literals, DatabaseRole may be "".
type value struct{ Key, Env, DatabaseRole string }

// flagField is one flag: a field of Config.Flags.
type flagField struct {
	Field, Doc                     string
	Key, Env, Default, Description string // Go literals
}

func (m *modeler) settings() {
	for _, s := range m.c.Settings {
		m.n.Settings = append(m.n.Settings, m.setting(s))
	}
	for _, s := range m.c.Secrets {
		m.n.Settings = append(m.n.Settings, m.secret(s))
	}
	for _, f := range m.c.Flags {
		m.n.Flags = append(m.n.Flags, flagField{
			Field: contract.GoName(f.Key), Doc: remark(contract.GoName(f.Key), f.Description),
			Key: quote(f.Key), Env: quote(contract.FlagEnv(m.c.Node, f.Key)),
			Default: fmt.Sprint(f.Default), Description: quote(f.Description),
		})
	}
}

func (m *modeler) setting(s *contract.Setting) setting {
	goType, read := settingType(s.Schema)
	rules := settingRules(s.Schema)
	out := setting{
		Field: contract.GoName(s.Key), Type: goType, Doc: remark(contract.GoName(s.Key), s.Description),
		Read:   fmt.Sprintf("r.%s(%s)", read, strings.Join(append([]string{quote(s.Key)}, rules...), ", ")),
		Values: m.values("", s.Key), Description: quote(s.Description),
	}
	if s.Default != nil {
		out.Default = quote(*s.Default)
	}
	var err error
	if out.Example, err = settingExample(s); err != nil {
		m.errs = append(m.errs, fmt.Errorf("config %s: %w", s.Key, err))
	}
	return out
}

func (m *modeler) secret(s *contract.Secret) setting {
	out := setting{
		Field: contract.GoName(s.Key), Type: secretType, Doc: remark(contract.GoName(s.Key), s.Description),
		Read: "r.Secret(" + quote(s.Key) + ")", Values: m.values(s.DatabaseRole, s.Keys()...),
		Secret: "true", Description: quote(s.Description), Example: `config.NewSecret("example")`,
	}
	if s.DatabaseRole != "" {
		out.Type, out.Read = credentialsType, "r.Credentials("+quote(s.Key)+")"
		out.Example = `config.Credentials{Username: "example", Password: config.NewSecret("example")}`
	}
	return out
}

func (m *modeler) values(databaseRole string, keys ...string) []value {
	var list []value
	for _, key := range keys {
		v := value{Key: quote(key), Env: quote(contract.Env(m.c.Node, key))}
		if databaseRole != "" {
			v.DatabaseRole = quote(databaseRole)
		}
		list = append(list, v)
	}
	return list
}

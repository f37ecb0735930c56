// Package config resolves the settings and secrets a contract declares through one cascade: secret
// store (secrets only) → environment → .env files → contract default → fail with the list of
// everything missing.
//
// Absence in one source continues with the next; an error of a source stops the cascade, because a
// store that cannot answer must never be mistaken for one that has no value. Each value remembers
// its source. The package imports nothing else of this module and opens nothing but .env files, when
// it is told to: sources are handed in.
package config

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Setting is one value a node needs. Generated code builds it from the contract.
type Setting struct {
	Key         string // snake_case, unique within the node
	Env         string // environment variable, e.g. PAYMENT_GATEWAY_URL
	Secret      bool   // may come from the secret store; never printed
	Default     *string
	Description string

	// DatabaseRole makes the setting one half of Credentials: the secret store, if it can, makes them
	// for this role. The key ends in UsernameSuffix or PasswordSuffix.
	DatabaseRole string
}

// Source is one step of the cascade. Sources are asked in the order given to Resolve.
type Source struct {
	Name        string // as shown to people: "vault", "environment"
	SecretsOnly bool   // asked for secrets only

	// Lookup returns the setting's value, or false if the source has none. An empty value counts
	// as none. An error stops the cascade.
	Lookup func(ctx context.Context, node string, s Setting) (value string, found bool, err error)

	// Where tells people where the source looks for the setting, in the imperative: "export
	// PAYMENT_GATEWAY_URL". It is only used in messages; nil leaves the source out of them.
	Where func(node string, s Setting) string

	// Place tells people exactly where the value was found: "env/development/fleet.env:3". It is asked
	// for settings that Lookup found only; nil leaves it out.
	Place func(node string, s Setting) string
}

// MaxValue is how many bytes a value may have.
const MaxValue = 1 << 20

// SourceDefault is the source of a value that comes from the contract's default.
const SourceDefault = "contract default"

// Environ returns the source that reads environment variables through lookup, usually os.LookupEnv.
func Environ(lookup func(name string) (string, bool)) Source {
	return Source{
		Name: "environment",
		Lookup: func(_ context.Context, _ string, s Setting) (string, bool, error) {
			v, ok := lookup(s.Env)
			return v, ok, nil
		},
		Where: func(_ string, s Setting) string { return "export " + s.Env },
	}
}

// Values holds the resolved settings of one node. It is safe for concurrent use; nothing of it changes but the
// text of secrets, by Refresh.
type Values struct {
	node   string
	values map[string]value
	flags  *Flags // nil: none
	rules  *rules // of the secrets that were read
}

// value keeps every text in a Secret, so that no formatting verb can reach one by accident.
type value struct {
	setting Setting
	text    Secret
	source  string
	place   string
}

// Node returns the node whose settings v holds.
func (v *Values) Node() string { return v.node }

// Resolve looks every setting up in the sources and then in its default. It returns a *SourceError
// as soon as a source fails, else a *MissingError that lists all settings without a value.
func Resolve(ctx context.Context, node string, settings []Setting, sources ...Source) (*Values, error) {
	v := &Values{node: node, values: make(map[string]value, len(settings)), rules: &rules{}}
	missing := &MissingError{Node: node}
	for _, s := range settings {
		if _, twice := v.values[s.Key]; twice {
			return nil, fmt.Errorf("resolve settings of node %s: %s is declared twice", node, s.Key)
		}
		got, found, err := lookup(ctx, node, s, sources)
		if err != nil {
			return nil, err
		}
		if !found {
			missing.Settings = append(missing.Settings, Missing{Setting: s, Where: places(node, s, sources)})
			continue
		}
		v.values[s.Key] = got
	}
	if len(missing.Settings) > 0 {
		slices.SortFunc(missing.Settings, func(a, b Missing) int { return cmp.Compare(a.Setting.Key, b.Setting.Key) })
		return nil, missing
	}
	return v, nil
}

// lookup returns the first value that there is for s.
func lookup(ctx context.Context, node string, s Setting, sources []Source) (value, bool, error) {
	for _, src := range sources {
		v, found, err := src.ask(ctx, node, s)
		if err != nil || found {
			return v, found, err
		}
	}
	if s.Default == nil {
		return value{}, false, nil
	}
	return fromDefault(s), true, nil
}

// ask looks s up in one source.
func (src Source) ask(ctx context.Context, node string, s Setting) (value, bool, error) {
	if src.SecretsOnly && !s.Secret {
		return value{}, false, nil
	}
	text, found, err := src.Lookup(ctx, node, s)
	if err == nil && len(text) > MaxValue {
		err = fmt.Errorf("the value has %d bytes, at most %d are taken", len(text), MaxValue)
	}
	if err != nil {
		return value{}, false, &SourceError{Node: node, Source: src.Name, Setting: s, Err: err}
	}
	if !found || text == "" {
		return value{}, false, nil
	}
	v := value{setting: s, text: NewSecret(text), source: src.Name}
	if src.Place != nil {
		v.place = src.Place(node, s)
	}
	return v, true, nil
}

func fromDefault(s Setting) value {
	return value{setting: s, text: NewSecret(*s.Default), source: SourceDefault}
}

// places lists where a person can put the value of s.
func places(node string, s Setting, sources []Source) []string {
	var where []string
	for _, src := range sources {
		if src.Where != nil && (s.Secret || !src.SecretsOnly) {
			where = append(where, src.Where(node, s))
		}
	}
	return where
}

package config

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Trace is everything the sources hold for the settings of one node: what is used, what that
// overrides, what is missing and which source failed. Unlike Resolve it never stops.
type Trace struct {
	Node     string
	Settings []Traced // sorted by key
}

// Traced is one setting.
type Traced struct {
	Setting Setting
	Where   []string // where a value may be put; any of them will do
	Err     error    // of the source that stops the cascade, a *SourceError

	found []value // the first is used
}

// Missing reports whether nothing has a value for the setting.
func (t Traced) Missing() bool { return t.Err == nil && len(t.found) == 0 }

// Problem says which source failed and why; "" if none did.
func (t Traced) Problem() string {
	if e, ok := errors.AsType[*SourceError](t.Err); ok {
		return e.Source + ": " + e.Err.Error()
	}
	return ""
}

// NewTrace asks all sources for all settings.
func NewTrace(ctx context.Context, node string, settings []Setting, sources ...Source) Trace {
	t := Trace{Node: node}
	for _, s := range settings {
		t.Settings = append(t.Settings, trace(ctx, node, s, sources))
	}
	slices.SortFunc(t.Settings, func(a, b Traced) int { return cmp.Compare(a.Setting.Key, b.Setting.Key) })
	return t
}

func trace(ctx context.Context, node string, s Setting, sources []Source) Traced {
	t := Traced{Setting: s, Where: places(node, s, sources)}
	for _, src := range sources {
		v, found, err := src.ask(ctx, node, s)
		if err != nil && len(t.found) == 0 {
			t.Err = err
			return t
		}
		if found {
			t.found = append(t.found, v)
		}
	}
	if s.Default != nil {
		t.found = append(t.found, fromDefault(s))
	}
	return t
}

// Values returns what is used of the settings that have a value.
func (t Trace) Values() *Values {
	v := &Values{node: t.Node, values: map[string]value{}}
	for _, s := range t.Settings {
		if len(s.found) > 0 {
			v.values[s.Setting.Key] = s.found[0]
		}
	}
	return v
}

// Has reports whether all of the keys have a value.
func (t Trace) Has(keys ...string) bool {
	values := t.Values().values
	for _, key := range keys {
		if _, ok := values[key]; !ok {
			return false
		}
	}
	return true
}

// Explain returns every setting with its value, redacted where it is secret, and its sources.
func (t Trace) Explain() Explanation {
	rows := make(Explanation, 0, len(t.Settings))
	for _, s := range t.Settings {
		rows = append(rows, s.explain())
	}
	return rows
}

func (t Traced) explain() Explained {
	row := Explained{Key: t.Setting.Key, Env: t.Setting.Env, Secret: t.Setting.Secret, Description: t.Setting.Description, Where: t.Where}
	switch {
	case t.Err != nil:
		row.Problem = t.Problem()
	case t.Missing():
		row.Problem = "missing"
	default:
		row.Source, row.Place, row.Value = t.found[0].source, t.found[0].place, t.found[0].display()
		for _, v := range t.found[1:] {
			row.Overrides = append(row.Overrides, Overridden{Source: v.source, Place: v.place, Value: v.display()})
		}
	}
	return row
}

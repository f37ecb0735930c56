package config

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Refreshed is what became of a secret that its source has another value for.
type Refreshed struct {
	Key    string
	Source string
	Err    error // why the new value is not used and the old one stays; nil: Reveal returns the new one
}

// Refresh looks every secret up again, in the sources that Resolve was given, and lets those that changed reveal
// their new text. A new value that breaks a rule of its contract, or none at all, is reported and the old
// one stays. An error says that a source could not answer: nothing is reported or changed after it. Credentials
// are left to the store that makes them. It is for one goroutine at a time.
func (v *Values) Refresh(ctx context.Context, sources ...Source) ([]Refreshed, error) {
	var list []Refreshed
	for _, key := range slices.Sorted(maps.Keys(v.values)) {
		old := v.values[key]
		if !old.setting.Secret || old.setting.DatabaseRole != "" {
			continue
		}
		got, found, err := lookup(ctx, v.node, old.setting, sources)
		switch {
		case err != nil:
			return list, err
		case !found:
			list = append(list, Refreshed{key, old.source, &MissingError{v.node, []Missing{{old.setting, places(v.node, old.setting, sources)}}}})
			continue
		case got.text.Reveal() == old.text.Reveal():
			continue
		}
		err = v.rules.check(v, got)
		if err == nil {
			old.text.replace(got.text.Reveal())
		}
		list = append(list, Refreshed{key, got.source, err})
	}
	return list, nil
}

// rules remembers what the readers of secrets asked of them.
type rules struct {
	mu  sync.Mutex
	all map[string][]TextRule
}

func (l *rules) keep(key string, more []TextRule) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string][]TextRule{}
	}
	l.all[key] = more
}

// check returns an *InvalidError if a value breaks a rule.
func (l *rules) check(v *Values, got value) error {
	l.mu.Lock()
	rules := l.all[got.setting.Key]
	l.mu.Unlock()
	r := Read(v)
	r.checkText(got, rules)
	return r.Err()
}

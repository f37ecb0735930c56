package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Flag is a switch that may change while the node runs. It is safe for concurrent use. The zero Flag
// is off for ever.
type Flag struct{ on *atomic.Bool }

// NewFlag returns a Flag that stays as it is: for tests.
func NewFlag(on bool) Flag {
	f := Flag{on: new(atomic.Bool)}
	f.on.Store(on)
	return f
}

// Enabled reports whether the flag is on now. Ask once per input: it may change between two calls.
func (f Flag) Enabled() bool { return f.on != nil && f.on.Load() }

// FlagSetting is a flag as the contract declares it. Generated code builds it.
type FlagSetting struct {
	Key         string // snake_case, unique within the node
	Env         string // environment variable, e.g. PRICING_FLAG_NEW_TAX
	Default     bool
	Description string
}

// SourceEnvironment and SourceStore are the other sources of a flag's value, beside SourceDefault.
const (
	SourceEnvironment = "environment"
	SourceStore       = "flag store"
)

// Flags holds the flags of one node with the source of each value: environment, which never changes,
// else the flag store, else the contract's default. It is safe for concurrent use.
type Flags struct {
	mu    sync.Mutex
	flags []*flagState // sorted by key
}

type flagState struct {
	FlagSetting

	flag    Flag
	source  string
	problem string // what was last told about an unreadable value
}

// ResolveFlags reads the flags that the environment sets and gives the others their default. A
// variable that is neither true nor false is an *InvalidError.
func ResolveFlags(node string, settings []FlagSetting, lookup func(name string) (string, bool)) (*Flags, error) {
	fs := &Flags{}
	invalid := &InvalidError{Node: node}
	for _, s := range settings {
		state := &flagState{FlagSetting: s, flag: NewFlag(s.Default), source: SourceDefault}
		if text, _ := lookup(s.Env); text != "" {
			on, err := parseFlag(text)
			if err != nil {
				invalid.Violations = append(invalid.Violations, Violation{Key: s.Key, Env: s.Env, Source: SourceEnvironment, Message: err.Error()})
			}
			state.flag, state.source = NewFlag(on), SourceEnvironment
		}
		fs.flags = append(fs.flags, state)
	}
	if len(invalid.Violations) > 0 {
		return nil, invalid
	}
	slices.SortFunc(fs.flags, func(a, b *flagState) int { return cmp.Compare(a.Key, b.Key) })
	return fs, nil
}

// parseFlag reads true or false and nothing else, since a typing error must not switch anything.
func parseFlag(text string) (bool, error) {
	switch strings.TrimSpace(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("must be true or false, is %s", strconv.Quote(text))
}

// Stored reports whether the flag store has a say about any of the flags.
func (fs *Flags) Stored() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.ContainsFunc(fs.flags, func(f *flagState) bool { return f.source != SourceEnvironment })
}

// FlagValue is what a flag is at one moment.
type FlagValue struct {
	Key    string
	On     bool
	Source string
	Err    error // why the store's value was not taken; the flag is what it was
}

// Values returns every flag as it is now, sorted by key.
func (fs *Flags) Values() []FlagValue {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := make([]FlagValue, 0, len(fs.flags))
	for _, f := range fs.flags {
		list = append(list, f.value(nil))
	}
	return list
}

func (f *flagState) value(err error) FlagValue {
	return FlagValue{Key: f.Key, On: f.flag.Enabled(), Source: f.source, Err: err}
}

// Apply takes everything the flag store holds, by key, and returns the flags whose value, source or
// problem is news. A flag the store does not hold goes back to its default; one whose text cannot be
// read stays what it is. What no contract declares is ignored.
func (fs *Flags) Apply(stored map[string]string) []FlagValue {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var news []FlagValue
	for _, f := range fs.flags {
		if f.source != SourceEnvironment {
			text, found := stored[f.Key]
			if v, changed := f.apply(text, found); changed {
				news = append(news, v)
			}
		}
	}
	return news
}

func (f *flagState) apply(text string, found bool) (FlagValue, bool) {
	on, source := f.Default, SourceDefault
	if found {
		var err error
		if on, err = parseFlag(text); err != nil {
			changed := f.problem != err.Error()
			f.problem = err.Error()
			return f.value(err), changed
		}
		source = SourceStore
	}
	changed := on != f.flag.Enabled() || source != f.source || f.problem != ""
	f.source, f.problem = source, ""
	f.flag.on.Store(on)
	return f.value(nil), changed
}

// WithFlags returns v with the flags a Reader can read.
func (v *Values) WithFlags(fs *Flags) *Values {
	with := *v
	with.flags = fs
	return &with
}

// Flag reads a flag, which stays connected to its source.
func (r *Reader) Flag(key string) Flag {
	if r.values.flags != nil {
		for _, f := range r.values.flags.flags {
			if f.Key == key {
				return f.flag
			}
		}
	}
	r.violations = append(r.violations, Violation{Key: key, Source: "nowhere", Message: "is not declared as a flag"})
	return Flag{}
}

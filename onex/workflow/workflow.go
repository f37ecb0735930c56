// Package workflow is what an orchestrator stores: definitions of workflows by their hash, and their
// instances. Each instance goes on by the definition it began with, which is data that any process of the
// node executes; Compare says whether a program can. It does no I/O: onex executes, internal/postgres
// keeps, the command shows.
package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Definition is a workflow as data. Messages are named as event.Ref writes them.
type Definition struct {
	Start     string `json:"start"`
	Steps     []Step `json:"steps"`
	Completed string `json:"completed"`
	Failed    string `json:"failed"`
}

// Step is one step of a definition; see onex.Step.
type Step struct {
	Name    string   `json:"name"`
	After   []string `json:"after,omitempty"`
	Send    string   `json:"send,omitempty"`
	Success []string `json:"success,omitempty"`
	Failure []string `json:"failure,omitempty"`
	Undo    string   `json:"undo,omitempty"`
	Timeout Duration `json:"timeout,omitempty"`
	Delay   Duration `json:"delay,omitempty"`

	// Replaces names steps of earlier definitions whose part this one takes. It says nothing about the
	// instances of its own definition, so that it does not count for the hash.
	Replaces []string `json:"-"`
}

// Duration is written as text, e.g. "30s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed < 0 {
		err = fmt.Errorf("%s is in the past", parsed)
	}
	*d = Duration(parsed)
	return err
}

// Encode returns the definition as it is stored, and its hash.
func (d Definition) Encode() (data []byte, hash string, err error) {
	data, err = json.Marshal(d)
	if err != nil {
		return nil, "", fmt.Errorf("encode definition: %w", err)
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]), nil
}

// Parse reads a stored definition. It must be the one of the hash.
func Parse(data []byte, hash string) (Definition, error) {
	var d Definition
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != hash {
		return d, fmt.Errorf("definition %s is not what was stored under this hash", Short(hash))
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("definition %s: %w", Short(hash), err)
	}
	return d, d.validate()
}

func (d Definition) validate() error {
	refs := []string{d.Start, d.Completed, d.Failed}
	for _, s := range d.Steps {
		refs = slices.Concat(refs, s.Success, s.Failure)
		for _, ref := range []string{s.Send, s.Undo} {
			if ref != "" {
				refs = append(refs, ref)
			}
		}
	}
	for _, ref := range refs {
		if _, err := event.ParseRef(ref); err != nil {
			return fmt.Errorf("definition names %q: %w", ref, err)
		}
	}
	return nil
}

// Step returns the step of a name.
func (d Definition) Step(name string) (Step, bool) {
	i := slices.IndexFunc(d.Steps, func(s Step) bool { return s.Name == name })
	if i < 0 {
		return Step{}, false
	}
	return d.Steps[i], true
}

// Successor returns the step that takes the part of one of an earlier definition: the one that says so,
// or the one of its name. moved is that it says so: then it also does so in another way.
func (d Definition) Successor(name string) (s Step, moved, ok bool) {
	for _, s := range d.Steps {
		if slices.Contains(s.Replaces, name) {
			return s, true, true
		}
	}
	s, ok = d.Step(name)
	return s, false, ok
}

// Short returns the beginning of a hash, for people.
func Short(hash string) string { return hash[:min(len(hash), 12)] }

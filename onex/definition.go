package onex

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// Definition returns the workflow as data: what is stored and hashed.
func (wf *Workflow) Definition() workflow.Definition {
	d := workflow.Definition{Start: wf.Start.String(), Completed: wf.Completed.String(), Failed: wf.Failed.String()}
	for _, s := range wf.Steps {
		d.Steps = append(d.Steps, workflow.Step{
			Name: s.Name, After: s.After, Send: s.Send.String(), Success: refTexts(s.Success), Failure: refTexts(s.Failure),
			Undo: s.Undo.String(), Timeout: workflow.Duration(s.Timeout), Delay: workflow.Duration(s.Delay), Replaces: s.Replaces,
		})
	}
	return d
}

func refTexts(refs []event.Ref) []string {
	var texts []string
	for _, r := range refs {
		texts = append(texts, r.String())
	}
	return texts
}

// definitions finds the definitions of instances that began with another than the program's own.
type definitions struct {
	load func(ctx context.Context, hash string) ([]byte, error)

	mu    sync.Mutex
	known map[string]workflow.Definition
}

func newDefinitions(load func(ctx context.Context, hash string) ([]byte, error)) *definitions {
	return &definitions{load: load, known: map[string]workflow.Definition{}}
}

// definition returns the one of a hash. A store that does not answer says nothing about the input.
func (d *definitions) definition(ctx context.Context, hash string) (workflow.Definition, error) {
	d.mu.Lock()
	found, ok := d.known[hash]
	d.mu.Unlock()
	if ok {
		return found, nil
	}
	data, err := d.load(ctx, hash)
	if err != nil {
		return found, engine.Unavailable(err)
	}
	if found, err = workflow.Parse(data, hash); err != nil {
		return found, engine.Permanent(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[hash] = found
	return found, nil
}

type definitionsKey struct{}

// definedBy makes handlers find the definitions of instances.
func definedBy(routes Routes, d *definitions) Routes {
	defined := Routes{}
	for t, handler := range routes {
		defined[t] = func(ctx context.Context, c engine.Call) engine.Outcome {
			return handler(context.WithValue(ctx, definitionsKey{}, d), c)
		}
	}
	return defined
}

// define returns the definition of a hash; "" is that of an instance that is older than definitions are.
func (in *interpreter) define(ctx context.Context, hash string) (workflow.Definition, error) {
	if hash == in.hash || hash == "" {
		return in.def, nil
	}
	d, ok := ctx.Value(definitionsKey{}).(*definitions)
	if !ok {
		return workflow.Definition{}, engine.Permanent(fmt.Errorf("definition %s is not known here", workflow.Short(hash)))
	}
	return d.definition(ctx, hash)
}

// form is a step as an instance takes it.
type form struct {
	workflow.Step

	moved *workflow.Move // in the form of another definition; nil: of its own
}

func (f form) timeout() time.Duration { return time.Duration(f.Timeout) }
func (f form) delay() time.Duration   { return time.Duration(f.Delay) }

// forms returns the steps of an instance: each as it was begun, and those that are not begun as the
// program's workflow says that it takes their part.
func (in *interpreter) forms(ctx context.Context, i *workflow.Instance) ([]form, error) {
	def, err := in.define(ctx, i.Definition)
	if err != nil {
		return nil, err
	}
	list := make([]form, 0, len(def.Steps))
	for _, own := range def.Steps {
		f := form{Step: own}
		if m, ok := i.Moved[own.Name]; ok {
			if err := in.move(ctx, &f, m); err != nil {
				return nil, err
			}
		} else if next, moved, _ := in.def.Successor(own.Name); moved && i.Definition != in.hash && i.Definition != "" && i.Steps[own.Name] == "" {
			f.become(next, workflow.Move{Definition: in.hash, Step: next.Name})
		}
		list = append(list, f)
	}
	return list, nil
}

func (in *interpreter) move(ctx context.Context, f *form, m workflow.Move) error {
	def, err := in.define(ctx, m.Definition)
	if err != nil {
		return err
	}
	next, ok := def.Step(m.Step)
	if !ok {
		return engine.Permanent(fmt.Errorf("definition %s has no step %s", workflow.Short(m.Definition), m.Step))
	}
	f.become(next, m)
	return nil
}

// become makes a step what another is, but for its name and its place.
func (f *form) become(next workflow.Step, m workflow.Move) {
	name, after := f.Name, f.After
	f.Step, f.moved = next, &m
	f.Name, f.After = name, after
}

package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A world is where fake steps leave their things.
type world struct {
	mu    sync.Mutex
	there map[string]bool
	log   []string
}

func newWorld(there ...string) *world {
	w := &world{there: map[string]bool{}}
	for _, name := range there {
		w.there[name] = true
	}
	return w
}

// step makes its name be there, unless fail says otherwise.
func (w *world) step(name string, l lane, fail error, needs ...string) step {
	return step{
		name: name, lane: l, needs: needs,
		ready: func(context.Context) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.there[name]
		},
		make: func(context.Context, io.Writer) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.log = append(w.log, name)
			w.there[name] = fail == nil
			return fail
		},
	}
}

// silent is a reporter that only keeps count.
type silent struct {
	mu    sync.Mutex
	found int
}

func (*silent) started(step) io.WriteCloser    { return discard{} }
func (*silent) finished(step, time.Duration)   {}
func (*silent) failed(s step, err error) error { return &stepError{step: s.name, err: err} }
func (r *silent) inPlace(step)                 { r.mu.Lock(); r.found++; r.mu.Unlock() }

func TestRunMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld("b")
	rep := &silent{}
	p := plan{
		w.step("a", compiling, nil),
		w.step("b", assembling, nil),
		w.step("c", assembling, nil, "a", "b"),
	}
	if err := p.run(t.Context(), rep); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "c"}; !slices.Equal(w.log, want) {
		t.Errorf("made %v, want %v: in order and without what was there", w.log, want)
	}
	if rep.found != 1 {
		t.Errorf("%d steps found in place, want 1", rep.found)
	}
}

func TestRunResumesAfterAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld()
	broken := errors.New("no space")
	steps := func(fail error) plan {
		return plan{
			w.step("a", assembling, nil),
			w.step("b", assembling, fail, "a"),
			w.step("c", assembling, nil, "b"),
			w.step("d", compiling, nil, "c"),
		}
	}
	err := steps(broken).run(t.Context(), &silent{})
	if failed, ok := errors.AsType[*stepError](err); !ok || failed.step != "b" || !errors.Is(err, broken) {
		t.Fatalf("run() = %v, want the failure of step b", err)
	}
	if err := steps(nil).run(t.Context(), &silent{}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "c", "d"}; !slices.Equal(w.log, want) {
		t.Errorf("made %v, want %v: the second run must go on at b", w.log, want)
	}
}

func TestRunStopsTheOtherLane(t *testing.T) {
	t.Parallel()
	w := newWorld()
	endless := w.step("endless", compiling, nil)
	endless.make = func(ctx context.Context, _ io.Writer) error {
		<-ctx.Done()
		return ctx.Err()
	}
	err := plan{endless, w.step("broken", assembling, errors.New("boom"))}.run(t.Context(), &silent{})
	if failed, ok := errors.AsType[*stepError](err); !ok || failed.step != "broken" {
		t.Fatalf("run() = %v, want the failure of step broken alone", err)
	}
}

func TestRunDistrustsAStep(t *testing.T) {
	t.Parallel()
	w := newWorld()
	liar := w.step("liar", assembling, nil)
	liar.make = func(context.Context, io.Writer) error { return nil }
	err := plan{liar}.run(t.Context(), &silent{})
	if err == nil || !strings.Contains(err.Error(), "still found missing") {
		t.Fatalf("run() = %v, want a complaint: make succeeded, but ready says no", err)
	}
}

func TestRunEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	w := newWorld()
	slow := w.step("slow", assembling, nil)
	slow.make = func(ctx context.Context, _ io.Writer) error {
		cancel(interrupted)
		<-ctx.Done()
		return ctx.Err()
	}
	if err := (plan{slow}).run(ctx, &silent{}); !errors.Is(err, interrupted) {
		t.Fatalf("run() = %v, want the cause of the interruption", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, tc := range map[string]struct {
		plan plan
		want string
	}{
		"in order":      {plan{w.step("a", compiling, nil), w.step("b", assembling, nil, "a")}, ""},
		"need is later": {plan{w.step("b", assembling, nil, "a"), w.step("a", compiling, nil)}, `needs "a"`},
		"twice":         {plan{w.step("a", compiling, nil), w.step("a", assembling, nil)}, "listed twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.plan.validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("validate() = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestInspectSaysWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld("cached", "sdk")
	p := plan{
		w.step("dockerd", assembling, nil),
		w.step("cached", assembling, nil),
		w.step("image", assembling, nil, "dockerd", "cached"),
		w.step("sdk", assembling, nil, "image"),
		w.step("engine", assembling, nil, "sdk", "image"),
		w.step("program", compiling, nil),
	}
	for i := range p {
		p[i].size = unsized
	}
	var got []stepState
	for _, r := range p.inspect(t.Context()) {
		got = append(got, r.state)
	}
	if want := []stepState{missing, ready, unknown, ready, unknown, missing}; !slices.Equal(got, want) {
		t.Errorf("inspect() = %v, want %v", got, want)
	}
}

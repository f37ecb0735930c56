package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

// begin commits an instance of a workflow in a state.
func begin(t *testing.T, s *postgres.Store, l *engine.Lease, key, definition, status, state string) {
	t.Helper()
	it := input(l.Next, key)
	view, err := s.View(t.Context(), it)
	if err != nil {
		t.Fatal(err)
	}
	c := engine.Commit{
		Item: it, State: &engine.StateWrite{Key: key, Expect: view[0].State.Version, Data: []byte(state)},
		Instance: &engine.Instance{Definition: definition, Status: status},
		Timers:   &[]engine.TimerWrite{{Name: "t", Due: time.Now().Add(time.Hour)}},
	}
	if err := s.Commit(t.Context(), *l, c); err != nil {
		t.Fatal(err)
	}
	l.Next++
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	for range 2 { // every process does
		if err := s.KeepDefinition(t.Context(), "abc", "1.0.0", []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := s.Definition(t.Context(), "abc"); err != nil || string(data) != `{"a":1}` {
		t.Errorf("%s, %v", data, err)
	}
	if _, err := s.Definition(t.Context(), "xyz"); !errors.Is(err, postgres.ErrNoDefinition) {
		t.Errorf("a definition that is not there: %v", err)
	}
}

func TestInstances(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, &l, "a", "d1", "running", `{"steps":{"x":"sent"}}`)
	begin(t, s, &l, "b", "d1", "running", `{"steps":{"x":"succeeded","y":"sent"}}`)
	begin(t, s, &l, "c", "d2", "halted", `{"steps":{}}`)
	begin(t, s, &l, "d", "d1", "running", `{"steps":{"x":"sent"}}`)
	begin(t, s, &l, "d", "d1", "completed", `{"steps":{"x":"succeeded"}}`)
	counts, err := s.StepCounts(t.Context(), []string{"running", "undoing", "halted"}, "d2")
	if err != nil {
		t.Fatal(err)
	}
	want := "[{d1 running   2} {d1 running x sent 1} {d1 running x succeeded 1} {d1 running y sent 1} {d2 halted   1}]"
	if got := fmt.Sprint(counts); got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
	for name, test := range map[string]struct {
		q    postgres.InstanceQuery
		want string
	}{
		"all":           {postgres.InstanceQuery{}, "dcba"},
		"one":           {postgres.InstanceQuery{Key: "b"}, "b"},
		"by status":     {postgres.InstanceQuery{Statuses: []string{"halted", "completed"}}, "dc"},
		"by definition": {postgres.InstanceQuery{Definition: "d1"}, "dba"},
		"some":          {postgres.InstanceQuery{Limit: 2}, "dc"},
		"none":          {postgres.InstanceQuery{Key: "z"}, ""},
	} {
		list, err := s.Instances(t.Context(), test.q)
		var got strings.Builder
		for _, i := range list {
			got.WriteString(i.Key)
		}
		if err != nil || got.String() != test.want {
			t.Errorf("%s: %s, %v, want %s", name, got.String(), err, test.want)
		}
	}
}

// TestAsk: what a person asks is due at once, survives what the instance does meanwhile, and is refused if it
// was asked already or about what has changed.
func TestAsk(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, &l, "a", "d1", "running", `{}`)
	list, err := s.Instances(t.Context(), postgres.InstanceQuery{Key: "a"})
	if err != nil || len(list) != 1 || list[0].Due.IsZero() || len(list[0].Asked) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	i := list[0]
	cause := engine.TimerCause{ID: "start", CorrelationID: "chain"}
	if err := s.Ask(t.Context(), i, "ask:cancel", "ann: why", cause); err != nil {
		t.Fatal(err)
	}
	if err := s.Ask(t.Context(), i, "ask:cancel", "bob", cause); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("asked twice: %v", err)
	}
	begin(t, s, &l, "a", "d1", "running", `{"more":1}`) // sets its timers anew
	if err := s.Ask(t.Context(), i, "ask:retry:1:", "ann", cause); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("asked about what has changed: %v", err)
	}
	due, err := s.DueTimers(t.Context(), time.Now().Add(time.Second), 10)
	if err != nil || len(due) != 1 || due[0].Name != "ask:cancel" || due[0].Note != "ann: why" || due[0].Cause != cause {
		t.Errorf("due: %+v, %v", due, err)
	}
	if list, err = s.Instances(t.Context(), postgres.InstanceQuery{Key: "a"}); err != nil || len(list[0].Asked) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// setDue sets n timers, each of a key of its own, that are due at a time.
func setDue(t testing.TB, s *postgres.Store, n int, at time.Time) {
	t.Helper()
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		commits := make([]engine.Commit, min(n, 500))
		for i := range commits {
			key := fmt.Sprint("key-", n-i)
			it := input(l.Next+int64(i), key)
			commits[i] = engine.Commit{
				Item: it, State: &engine.StateWrite{Key: key, Data: []byte(`{}`)},
				Timers: &[]engine.TimerWrite{{Name: "t", Due: at, Cause: engine.TimerCause{ID: it.Event.ID}}},
			}
		}
		if err := s.Commit(t.Context(), l, commits...); err != nil {
			t.Fatal(err)
		}
		l.Next += int64(len(commits))
		n -= len(commits)
	}
}

// TestTimersAreShared: of two processes that ask, each gets timers the other has not got, and what one of
// them leaves is the other's after a while.
func TestTimersAreShared(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	a, b := open(t, roleURL), open(t, roleURL)
	now := time.Now()
	setDue(t, a, 10, now)
	mine, err := a.DueTimers(t.Context(), now, 7)
	if err != nil || len(mine) != 7 {
		t.Fatalf("%d timers, %v", len(mine), err)
	}
	others, err := b.DueTimers(t.Context(), now, 7)
	if err != nil || len(others) != 3 {
		t.Fatalf("%d timers are left, %v", len(others), err)
	}
	seen := map[string]bool{}
	for _, f := range append(mine, others...) {
		seen[f.Key] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d keys of 10 were handed out", len(seen))
	}
	if again, err := b.DueTimers(t.Context(), now.Add(postgres.TimerHold), 100); err != nil || len(again) != 10 {
		t.Errorf("%d timers are due once nobody holds them, %v", len(again), err)
	}
}

// TestDueByTheClockOfTheDatabase: a process whose clock is an hour behind the database sets and fires
// timers as if it were not.
func TestDueByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	schema := provision.Schema(node)
	admin(t, fmt.Sprintf(`CREATE FUNCTION %q.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
		$$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$`, schema))
	u, err := url.Parse(roleURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema+",pg_catalog")
	u.RawQuery = query.Encode()
	s := open(t, u.String())
	if off := time.Until(s.Now()); off > time.Minute {
		t.Fatalf("before it was asked the clock is %s ahead", off)
	}
	if err := s.Synchronize(t.Context()); err != nil {
		t.Fatal(err)
	}
	off := time.Until(s.Now())
	if off < time.Hour-time.Second || off > time.Hour+time.Second {
		t.Fatalf("the clock is %s ahead, want an hour", off)
	}
	setDue(t, s, 1, s.Now().Add(time.Minute))
	if due, err := s.DueTimers(t.Context(), s.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("%d timers are due a minute early, %v", len(due), err)
	}
	if due, err := s.DueTimers(t.Context(), s.Now().Add(time.Minute), 10); err != nil || len(due) != 1 {
		t.Errorf("%d timers are due in time, %v", len(due), err)
	}
}

// TestTimersInThePastAndFarAhead: a timer that should have fired long ago fires, one of a hundred years
// from now waits, and neither keeps others from theirs.
func TestTimersInThePastAndFarAhead(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	it := input(0, "k")
	set := &[]engine.TimerWrite{
		{Name: "past", Due: now.AddDate(-100, 0, 0)}, {Name: "ahead", Due: now.AddDate(100, 0, 0)}, {Name: "now", Due: now},
	}
	if err := s.Commit(t.Context(), l, engine.Commit{Item: it, State: &engine.StateWrite{Key: "k", Data: []byte(`{}`)}, Timers: set}); err != nil {
		t.Fatal(err)
	}
	due, err := s.DueTimers(t.Context(), now, 10)
	if err != nil || len(due) != 2 || due[0].Name != "past" || due[1].Name != "now" {
		t.Errorf("due: %+v, %v", due, err)
	}
	next, err := s.Due(t.Context(), now.Add(time.Hour), nil)
	if err != nil || next.Next.Year() != now.UTC().Year()+100 {
		t.Errorf("next at %s, %v", next.Next, err)
	}
}

// TestTimerRate: timers of many instances fire in few transactions. BenchmarkTimers measures the rate.
func TestTimerRate(t *testing.T) {
	t.Parallel()
	const timers, least = 5000, 1000 // per second
	rate := fireAll(t, timers)
	t.Logf("%.0f timers/s", rate)
	if rate < least && !testing.Short() {
		t.Errorf("%.0f timers/s, want %d", rate, least)
	}
}

// BenchmarkTimers measures timers from due to settled, each with a new state and a record of the outbox.
func BenchmarkTimers(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(fireAll(b, 20_000), "timers/s")
	}
}

// fireAll returns how many timers per second a dispatcher settles.
func fireAll(t testing.TB, n int) float64 {
	t.Helper()
	_, roleURL := migrated(t)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: roleURL, Group: "onex.test", Instance: "a", MaxConns: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	setDue(t, s, n, time.Now())
	start, done := event.MustRef("shop/buy.v1"), event.MustRef("shop/bought.v1")
	core, err := engine.New(engine.Config{
		Node: "shop", Workflow: start, Inputs: []engine.Input{{Type: start, Class: event.Command}}, Outputs: []event.Ref{done},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	left := make(chan struct{}, n)
	p := &delivery.Processor{
		Core: core, Store: s, Observer: nobody{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Committed: func(engine.Commit) { left <- struct{}{} },
		Handlers: map[event.Ref]engine.Handler{start: func(_ context.Context, c engine.Call) engine.Outcome {
			return engine.Outcome{State: []byte(`{"done":true}`), Emissions: []engine.Emission{{Class: event.Event, Type: done, Key: c.Event.PartitionKey, Data: []byte(`{}`)}}}
		}},
	}
	d := delivery.NewDispatcher(p, true)
	watched := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(watched)
		d.Watch(ctx, ctx)
	}()
	for range n {
		<-left
	}
	took := time.Since(begun)
	stop()
	<-watched
	if due, err := s.DueTimers(t.Context(), time.Now().Add(time.Hour), 1); err != nil || len(due) != 0 {
		t.Errorf("timers are left: %v, %v", due, err)
	}
	return float64(n) / took.Seconds()
}

// nobody is told what happens.
type nobody struct{}

func (nobody) Called(event.Ref, time.Duration, error)   {}
func (nobody) Settled(engine.Commit)                    {}
func (nobody) Conflict()                                {}
func (nobody) Breaker(event.Ref, delivery.BreakerState) {}

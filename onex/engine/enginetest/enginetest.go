// Package enginetest is the suite every engine.Store must pass: what a commit writes, what it
// refuses, and that what is refused leaves nothing behind. It runs alike on the store in memory and
// on a real database.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Subject is a store under test that is otherwise empty, with what the suite needs to see of it.
type Subject struct {
	Store  engine.Store
	Outbox func(ctx context.Context) ([]engine.Outgoing, error) // what was committed for sending, in order
}

// Exercise runs the suite; open returns an empty store for each test.
func Exercise(t *testing.T, open func(t *testing.T) Subject) {
	t.Helper()
	tests := map[string]func(*bench){
		"claims":              claims,
		"commit":              commit,
		"overtaken":           overtaken,
		"offset must match":   offsetMustMatch,
		"seen twice":          seenTwice,
		"state must match":    stateMustMatch,
		"refusal is total":    refusalIsTotal,
		"batch":               batch,
		"refused batch":       refusedBatch,
		"chain":               chain,
		"broken chain":        brokenChain,
		"large batch":         large,
		"parked batch":        parkedBatch,
		"timer chain":         timerChain,
		"parked queue":        parkedQueue,
		"behind nothing":      behindNothing,
		"parked chain":        parkedChain,
		"when next":           whenNext,
		"early wakes":         earlyWakes,
		"halted stays":        haltedStays,
		"parked settled once": parkedSettledOnce,
		"timers":              timers,
		"timer settled once":  timerSettledOnce,
		"timer fires again":   timerFiresAgain,
		"timers together":     timersTogether,
		"timer seen":          timerSeen,
		"any bytes":           anyBytes,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&bench{t: t, Subject: open(t)})
		})
	}
}

// bench is one test's store.
type bench struct {
	Subject

	t *testing.T
}

func now() time.Time { return time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC) }

func partition(n int32) engine.Partition {
	return engine.Partition{Topic: "onex.cmd.shop.buy.v1", TopicID: [16]byte{1, 2, 3}, Number: n}
}

// item is a record of partition 0.
func item(offset int64, key string) engine.Item {
	ref := event.Ref{Node: "shop", Name: "buy", Version: 1}
	e := event.NewRoot("onex://test", ref, key, []byte(`{"n":1}`), now())
	return engine.Item{
		Record: engine.Record{
			Topic: partition(0).Topic, Offset: offset, Key: key, Headers: e.Headers(), Value: e.Data,
		},
		Event: e, Input: engine.Input{Type: ref, Class: event.Command}, IdempotencyKey: e.ID, StateKey: key, Attempt: 1,
	}
}

func (b *bench) claim(n int32) engine.Lease {
	b.t.Helper()
	l, err := b.Store.Claim(b.t.Context(), partition(n))
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

func (b *bench) commit(l *engine.Lease, c engine.Commit) {
	b.t.Helper()
	if err := b.Store.Commit(b.t.Context(), *l, c); err != nil {
		b.t.Fatal(err)
	}
	if c.Item.Parked == nil && c.Item.Timer == nil {
		l.Next = c.Item.Record.Offset + 1
	}
}

func (b *bench) refuse(l engine.Lease, c engine.Commit, want error) {
	b.t.Helper()
	if err := b.Store.Commit(b.t.Context(), l, c); !errors.Is(err, want) {
		b.t.Fatalf("commit: %v, want %v", err, want)
	}
}

func (b *bench) view(it engine.Item) engine.View {
	b.t.Helper()
	views, err := b.Store.View(b.t.Context(), it)
	if err != nil {
		b.t.Fatal(err)
	}
	return views[0]
}

func (b *bench) due(at time.Time) []engine.Parked {
	b.t.Helper()
	due, err := b.Store.DueParked(b.t.Context(), partition(0), at, 10)
	if err != nil {
		b.t.Fatal(err)
	}
	known, err := b.Store.Due(b.t.Context(), at, []engine.Partition{partition(1), partition(0)})
	if err != nil {
		b.t.Fatal(err)
	}
	if (len(due) > 0) != (len(known.Partitions) > 0) {
		b.t.Fatalf("%d records are due in %d partitions", len(due), len(known.Partitions))
	}
	return due
}

func (b *bench) behind(first engine.Parked, limit int) []engine.Parked {
	b.t.Helper()
	behind, err := b.Store.Behind(b.t.Context(), first, limit)
	if err != nil {
		b.t.Fatal(err)
	}
	return behind
}

func (b *bench) fired(at time.Time) []engine.Fired {
	b.t.Helper()
	fired, err := b.Store.DueTimers(b.t.Context(), at, 10)
	if err != nil {
		b.t.Fatal(err)
	}
	return fired
}

func (b *bench) sent() []string {
	b.t.Helper()
	out, err := b.Outbox(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	values := []string{}
	for _, o := range out {
		values = append(values, string(o.Value))
	}
	return values
}

func (b *bench) equal(what string, got, want any) {
	b.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func out(value string) []engine.Outgoing {
	return []engine.Outgoing{{Topic: "onex.evt.shop.bought.v1", Key: "k", Value: []byte(value)}}
}

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestPeopleSettleParkedRecords: a halted key is listed once with what waits behind it, is tried again
// or skipped beside the process that claimed its partition, and its queue goes on where it is parked.
func TestPeopleSettleParkedRecords(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	ask := event.Ref{Node: node, Name: "ask", Version: 1}
	core, err := engine.New(engine.Config{Node: node, Inputs: []engine.Input{{Type: ask, Class: event.Command}}})
	if err != nil {
		t.Fatal(err)
	}
	running := open(t, roleURL)
	topic := event.Topic{Class: event.Command, Ref: ask}.String()
	park := func(partition int32, key string, reason engine.Reason) {
		t.Helper()
		l, err := running.Claim(t.Context(), engine.Partition{Topic: topic, Number: partition})
		if err != nil {
			t.Fatal(err)
		}
		it := core.Open(engine.Record{Topic: topic, Partition: partition, Offset: l.Next, Key: key, Value: []byte(`{}`)})
		p := &engine.Park{Reason: reason, Attempts: 3, Since: time.Now()}
		if err := running.Commit(t.Context(), l, engine.Commit{Item: it, Park: p, Err: errors.New("refused")}); err != nil {
			t.Fatal(err)
		}
	}
	park(0, "k", engine.Halted)
	park(5, "k", engine.Behind) // as after the topic got more partitions
	park(0, "other", engine.Retry)

	person, err := postgres.Open(t.Context(), postgres.Config{URL: adminURL, Schema: provision.Schema(node), Group: "people"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(person.Close)
	list := func(q postgres.WaitingQuery, want int) []postgres.Waiting {
		t.Helper()
		got, err := person.Waiting(t.Context(), q)
		if err != nil || len(got) != want {
			t.Fatalf("%+v: %+v, %v; want %d", q, got, err, want)
		}
		return got
	}
	list(postgres.WaitingQuery{All: true}, 3)
	list(postgres.WaitingQuery{Key: "other"}, 1)
	halted := list(postgres.WaitingQuery{Reason: engine.Halted}, 1)[0]
	if halted.Behind != 1 || halted.First != halted.ID || halted.Error != "refused" || halted.Attempts != 3 || !halted.Next.IsZero() {
		t.Errorf("halted %+v", halted)
	}
	if n, err := person.HaltedKeys(t.Context()); n != 1 || err != nil {
		t.Error(n, err)
	}

	if err := person.AttemptNow(t.Context(), halted.Parked); err != nil {
		t.Fatal(err)
	}
	due, err := running.DueParked(t.Context(), engine.Partition{Topic: topic}, time.Now(), 10)
	if err != nil || len(due) != 1 || due[0].ID != halted.ID || due[0].Reason != engine.Retry {
		t.Fatalf("due %+v, %v", due, err)
	}
	if err := person.AttemptNow(t.Context(), halted.Parked); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("what was read is outdated: %v", err)
	}

	retried := list(postgres.WaitingQuery{IDs: []int64{halted.ID}}, 1)[0]
	if !retried.Due(time.Now()) {
		t.Errorf("retried %+v", retried)
	}
	skip := core.Skip(retried.Parked, "customer called", time.Now())
	if err := person.Settle(t.Context(), skip); err != nil {
		t.Fatal(err)
	}
	if err := person.Settle(t.Context(), skip); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("it is skipped already: %v", err)
	}
	where, err := running.Due(t.Context(), time.Now(), []engine.Partition{{Topic: topic, Number: 2}, {Topic: topic, Number: 5}})
	if err != nil || len(where.Partitions) != 1 || where.Partitions[0].Number != 5 {
		t.Errorf("the next is due in %+v, %v; want partition 5", where, err)
	}
	letters(t, running, event.DeadLetterTopic(node, ask).String())
}

// letters wants one dead letter in the outbox that says it was skipped.
func letters(t *testing.T, s *postgres.Store, topic string) {
	t.Helper()
	err := s.Lead(t.Context(), func(ctx context.Context, q engine.Queue) error {
		sent, _, err := q.Next(ctx, engine.Except{}, 10)
		if err != nil || len(sent) != 1 || sent[0].Record.Topic != topic {
			t.Errorf("sent %+v, %v", sent, err)
			return err
		}
		got := map[string]string{}
		for _, h := range sent[0].Record.Headers {
			got[h.Key] = string(h.Value)
		}
		if got[engine.HeaderClass] != "skipped" || got[engine.HeaderError] != "skipped by a person: customer called" || got[engine.HeaderAttempts] != "3" {
			t.Errorf("headers %v", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

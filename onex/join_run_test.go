package onex_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// ledgers is what the names of nodes with a table of their own begin with.
const ledgers = "ledger"

// ledger describes a node that answers and enters each input into a table of its own, which takes entries
// twice. after runs behind the insert, in the same transaction.
func ledger(kind onex.Kind, name string, after func(in onex.Input[number]) error) onex.Node {
	node := echo(kind, name, engine.RetryPolicy{Attempts: 3}, succeed)
	ask, answer := ref(name, "ask"), ref(name, "answer")
	enter := func(in onex.Input[number]) func(context.Context, onex.Tx) error {
		return func(ctx context.Context, tx onex.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO entry (event, n) VALUES ($1, $2)`, in.Event.ID, in.Data.N); err != nil {
				return err
			}
			return after(in)
		}
	}
	route := onex.Handle(decodeNumber, func(_ context.Context, in onex.Input[number], out *onex.Emissions) error {
		out.Add(event.Event, answer, in.Event.PartitionKey, in.Data)
		out.Commit(enter(in))
		return nil
	})
	switch {
	case strings.HasPrefix(name, ledgers+"-batch"):
		node.Inputs[0].Batch = engine.Batch{Size: 10}
		route = onex.HandleBatch(decodeNumber, func(_ context.Context, inputs []onex.Input[number], out *onex.BatchEmissions) error {
			for _, in := range inputs {
				onex.AddTo(out, in, event.Event, answer, in.Event.PartitionKey, in.Data)
				onex.CommitWith(out, in, enter(in))
			}
			return nil
		})
	case kind == onex.Reducer:
		node.Machine = &engine.Machine{Initial: "open", Transitions: []engine.Transition{
			{Input: ask, From: []string{"open"}, To: "open", Emits: []event.Ref{answer}},
		}}
		route = onex.Reduce(decodeNumber, decodeNumber, func(_ context.Context, in onex.Input[number], seen number, out *onex.Emissions) (number, error) {
			out.Add(event.Event, answer, in.Event.PartitionKey, in.Data)
			out.Commit(enter(in))
			seen.N++
			return seen, nil
		})
	}
	node.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{ask: route}}, nil
	}
	return node
}

// dying describes a ledger whose process is killed between its own write and the commit.
func dying(kind onex.Kind, name string) onex.Node {
	return ledger(kind, name, func(onex.Input[number]) error {
		if os.Getenv("ONEX_TEST_DIE") != "" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
}

// owns gives a node its table and returns how it is counted.
func (f *fixture) owns(node string) (env map[string]string, entries func() string) {
	f.t.Helper()
	role := provision.Schema(node)
	env = f.env([]onex.Node{{Name: node}}, "a")
	_, err := f.db.Exec(f.t.Context(), fmt.Sprintf(`CREATE TABLE %q.entry (event text, n integer); GRANT SELECT, INSERT ON %[1]q.entry TO %[1]q`, role))
	if err != nil {
		f.t.Fatal(err)
	}
	return env, func() string {
		var rows, distinct, inbox int
		query := fmt.Sprintf(`SELECT count(*), count(DISTINCT event), (SELECT count(*) FROM %q.inbox) FROM %[1]q.entry`, role)
		if err := f.db.QueryRow(f.t.Context(), query).Scan(&rows, &distinct, &inbox); err != nil {
			f.t.Fatal(err)
		}
		return fmt.Sprintf("%d entries of %d events, %d handled", rows, distinct, inbox)
	}
}

// TestOwnTable: what a handler writes itself is there if and only if its input was handled, however
// often it was tried or delivered.
func TestOwnTable(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]onex.Kind{"-effect": onex.Effect, "-batch": onex.Effect, "-reducer": onex.Reducer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			node := ledger(kind, f.name(ledgers+name), func(in onex.Input[number]) error {
				switch {
				case in.Data.N == 7:
					return onex.Permanent(errors.New("seven"))
				case in.Data.N%2 == 1 && in.Attempt == 1:
					return errors.New("odd")
				}
				return nil
			})
			env, entries := f.owns(node.Name)
			f.topic(topicOf(event.Command, ref(node.Name, "ask")), topicOf(event.Event, ref(node.Name, "answer")))
			var records []*kgo.Record
			for i := range 10 {
				r := root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i%3), number{N: i})
				again := *r
				records = append(records, r, &again)
			}
			f.produce(records...)
			f.launch(env, node)
			f.collect(9, topicOf(event.Event, ref(node.Name, "answer")))
			if n := len(f.collect(2, topicOf(event.DeadLetter, ref(node.Name, "ask")))); n != 2 { // as often as it was delivered
				t.Errorf("%d dead letters", n)
			}
			if got := entries(); got != "9 entries of 9 events, 9 handled" {
				t.Error(got)
			}
		})
	}
}

// TestKilledInCommit: a process that is killed after it wrote to its own table and before the commit
// leaves nothing, and the next one does it once.
func TestKilledInCommit(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]onex.Kind{"-effect": onex.Effect, "-batch": onex.Effect, "-reducer": onex.Reducer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			node := dying(kind, f.name(ledgers+name))
			env, entries := f.owns(node.Name)
			f.topic(topicOf(event.Command, ref(node.Name, "ask")), topicOf(event.Event, ref(node.Name, "answer")))
			f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{N: 1}))
			env["ONEX_TEST_DIE"] = "1"
			first := f.child(node, env)
			err := first.Wait()
			if status, ok := first.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("the process was not killed in its commit: %v\n%s", err, f.logs.String())
			}
			if got := entries(); got != "0 entries of 0 events, 0 handled" {
				t.Errorf("after the kill: %s", got)
			}
			delete(env, "ONEX_TEST_DIE")
			second := f.child(node, env)
			f.collect(1, topicOf(event.Event, ref(node.Name, "answer")))
			if got := entries(); got != "1 entries of 1 events, 1 handled" {
				t.Error(got)
			}
			f.terminate(second)
		})
	}
}

// TestComputeCommitsNothing: a compute node that goes around its emitter's type to commit is refused.
func TestComputeCommitsNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := ledger(onex.Compute, f.name(ledgers), func(onex.Input[number]) error { return nil })
	f.start("a", node)
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{N: 1}))
	dead := f.collect(1, topicOf(event.DeadLetter, ref(node.Name, "ask")))
	if reason := header(dead[0], engine.HeaderError); !strings.Contains(reason, engine.ErrPureJoin.Error()) {
		t.Error(reason)
	}
}

package onex_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// oldNumber is what number was before.
type oldNumber struct {
	Value int    `json:"value"`
	ID    string `json:"id"`
}

func decodeOldNumber(data []byte) (oldNumber, error) {
	var n oldNumber
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	if n.Value < 0 {
		return n, errors.New("value is negative")
	}
	return n, nil
}

// second is the version of echo's input that replaced its first.
func second(r event.Ref) event.Ref {
	r.Version++
	return r
}

// replaced lets a node handle the second version of an input, and the first as such.
func replaced(n onex.Node, idempotencyKey string) onex.Node {
	in := &n.Inputs[0]
	in.IdempotencyKey = idempotencyKey
	in.Older = []engine.Older{{Type: in.Type, Upcast: payload.Upcast(decodeOldNumber, func(old oldNumber) number {
		return number{N: old.Value, ID: old.ID}
	})}}
	build := n.Build
	first := in.Type
	in.Type = second(first)
	n.Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
		w, err := build(ctx, v)
		w.Routes = onex.Routes{second(first): w.Routes[first]}
		return w, err
	}
	return n
}

// TestUpcast: a node that handles the second version of an input gets the records of the first from
// their own topic, as records of the second; what cannot become one is a dead letter of the first.
func TestUpcast(t *testing.T) {
	t.Parallel()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			name := f.name(string(kind))
			ask := ref(name, "ask")
			seen := func(in onex.Input[number]) error {
				if in.Event.Type != second(ask) {
					return onex.Permanent(fmt.Errorf("the handler got a %s", in.Event.Type))
				}
				return nil
			}
			r := f.start("a", replaced(echo(kind, name, engine.RetryPolicy{}, seen), ""))
			f.produce(
				root(event.Command, ask, "k", oldNumber{Value: 1, ID: "a"}),
				root(event.Command, ask, "k", oldNumber{Value: -1}),
				root(event.Command, ask, "k", oldNumber{Value: 3}),
				root(event.Command, second(ask), "k", number{N: 2}),
			)
			f.sums(name, 3, 6)
			dead := f.collect(1, event.DeadLetterTopic(name, ask).String())[0]
			if topicOf(event.Command, ask) != header(dead, engine.HeaderTopic) || header(dead, engine.HeaderClass) != "invalid" ||
				!strings.Contains(header(dead, engine.HeaderError), "value is negative") || !strings.Contains(string(dead.Value), `"value":-1`) {
				t.Errorf("dead letter %s of %s, class %s: %s", dead.Value, header(dead, engine.HeaderTopic), header(dead, engine.HeaderClass), header(dead, engine.HeaderError))
			}
			r.halt()
			f.start("b", replaced(echo(kind, name, engine.RetryPolicy{}, seen), ""))
			f.produce(root(event.Command, ask, "k", oldNumber{Value: 4}))
			f.sums(name, 4, 10)
		})
	}
}

// sums reads n answers of echo, which add up to sum.
func (f *fixture) sums(name string, n, sum int) {
	f.t.Helper()
	for _, r := range f.collect(n, topicOf(event.Event, ref(name, "answer"))) {
		v, err := decodeNumber(r.Value)
		if err != nil {
			f.t.Fatal(err)
		}
		sum -= v.N
	}
	if sum != 0 {
		f.t.Errorf("the answers add up to %d less than they must", sum)
	}
}

// TestUpcastIsFencedAndHandledOnce: each version's topic has an offset of its own, and an idempotency
// key is handled once, whichever version it comes in.
func TestUpcastIsFencedAndHandledOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	ask := ref(name, "ask")
	f.start("a", replaced(echo(onex.Effect, name, engine.RetryPolicy{}, succeed), "id"))
	f.produce(root(event.Command, ask, "k", oldNumber{Value: 1, ID: "once"}))
	f.sums(name, 1, 1)
	f.produce(root(event.Command, second(ask), "k", number{N: 5, ID: "once"}), root(event.Command, second(ask), "k", number{N: 2, ID: "twice"}))
	f.sums(name, 2, 3)
	query := fmt.Sprintf(`SELECT sum(next_off) FROM %q.fence WHERE topic = $1`, provision.Schema(name))
	for topic, want := range map[string]int{topicOf(event.Command, ask): 1, topicOf(event.Command, second(ask)): 2} {
		var next int
		if err := f.db.QueryRow(t.Context(), query, topic).Scan(&next); err != nil || next != want {
			t.Errorf("%s is handled up to %d, want %d: %v", topic, next, want, err)
		}
	}
}

package engine_test

import (
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestSnapshot: each new state of a reducer is also a record that says what it is and where it came from.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	c := orders(t)
	paid := c.Open(incoming(ref("payment", "paid"), event.Event, "k", `{}`))
	_, commit := settle(c, paid, engine.View{State: engine.Stored{Version: 4, Machine: "placed", Data: []byte(`{}`)}}, engine.Outcome{State: []byte(`{"x":1}`)}, at(1))
	s := commit.State.Snapshot
	if s == nil || s.Topic != "onex.snapshot.orders.state.v1" || s.Key != "k" || string(s.Value) != `{"x":1}` {
		t.Fatalf("snapshot %+v", s)
	}
	got := map[string]string{}
	for _, h := range s.Headers {
		got[h.Key] = string(h.Value)
	}
	for key, want := range map[string]string{
		engine.HeaderVersion: "5", engine.HeaderMachine: "ready", engine.HeaderCause: paid.Event.ID, engine.HeaderNodeVersion: "1.2.3",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if !commit.Sends() {
		t.Error("a commit with a snapshot sends nothing")
	}
}

// TestStateTooLarge: a state that no snapshot could hold is refused before it is stored.
func TestStateTooLarge(t *testing.T) {
	t.Parallel()
	c := orders(t)
	place := c.Open(incoming(ref("orders", "place"), event.Command, "k", `{}`))
	_, commit := settle(c, place, engine.View{}, engine.Outcome{State: make([]byte, event.MaxDataBytes+1)}, at(1))
	if commit.Result != engine.DeadLettered || commit.State != nil || !strings.Contains(commit.Err.Error(), `state of key "k" has`) {
		t.Errorf("%s: %v", commit.Result, commit.Err)
	}
}

// TestSends: messages keep the order of the commits; of the snapshots of a key the last is sent, behind
// the messages of its commit.
func TestSends(t *testing.T) {
	t.Parallel()
	commit := func(key, name string, messages ...string) engine.Commit {
		c := engine.Commit{}
		if key != "" {
			c.State = &engine.StateWrite{Key: key, Snapshot: &engine.Outgoing{Topic: name}}
		}
		for _, m := range messages {
			c.Outbox = append(c.Outbox, engine.Outgoing{Topic: m})
		}
		return c
	}
	var got []string
	for _, o := range engine.Sends([]engine.Commit{commit("a", "a1", "1"), commit("b", "b1", "2"), commit("", "", "3"), commit("a", "a2", "4"), commit("a", "a3")}) {
		got = append(got, o.Topic)
	}
	if got := strings.Join(got, " "); got != "1 2 b1 3 4 a3" {
		t.Error(got)
	}
}

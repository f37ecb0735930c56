package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// history is what a store remembers of an order that was placed and paid.
type history struct {
	log    []engine.Record
	steps  []engine.Step
	stored map[string]engine.Stored
}

func newHistory() *history {
	h := &history{stored: map[string]engine.Stored{}}
	for i, key := range []string{"a", "b"} {
		h.add(ref("orders", "place"), event.Command, key, int64(i), 1)
		h.add(ref("payment", "paid"), event.Event, key, int64(i), 2)
		h.stored[key] = engine.Stored{Version: 2, Machine: "ready", Data: []byte(`["place","paid"]`)}
	}
	return h
}

func (h *history) add(t event.Ref, class event.Class, key string, offset, version int64) {
	r := incoming(t, class, key, `{}`)
	r.Offset = offset
	h.log = append(h.log, r)
	e, _ := event.Decode(r.Headers, r.Value)
	h.steps = append(h.steps, engine.Step{Topic: r.Topic, Partition: r.Partition, Offset: offset, EventID: e.ID, Version: version})
}

// compare folds the log, last topic first.
func (h *history) compare(t *testing.T) engine.Comparison {
	t.Helper()
	note := func(_ context.Context, c engine.Call) engine.Outcome {
		if len(c.State) == 0 {
			return engine.Outcome{State: fmt.Appendf(nil, "[%q]", c.Event.Type.Name)}
		}
		return engine.Outcome{State: fmt.Appendf(nil, "%s,%q]", c.State[:len(c.State)-1], c.Event.Type.Name)}
	}
	f := engine.NewFold(orders(t), map[event.Ref]engine.Handler{ref("orders", "place"): note, ref("payment", "paid"): note}, h.stored, h.steps)
	ranges := f.Ranges()
	if len(ranges) > 0 && (ranges[0].Topic != "onex.cmd.orders.place.v1" || ranges[0].From != 0 || ranges[0].To != 2) {
		t.Errorf("ranges %+v", ranges)
	}
	for _, r := range slices.Backward(h.log) {
		f.Add(t.Context(), r)
	}
	return f.Compare()
}

// TestFold: states are equal to the fold of their inputs, in whatever order topics are read; each kind of
// difference is named, and what cannot be known is not passed over.
func TestFold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		plant      func(h *history)
		equal      int
		different  string
		unverified string
	}{
		"equal": {func(*history) {}, 2, "", ""},
		"other data": {func(h *history) {
			h.stored["b"] = engine.Stored{Version: 2, Machine: "ready", Data: []byte(`["place"]`)}
		}, 1, `b: version 2 is stored as ["place"], its inputs lead to ["place","paid"]`, ""},
		"other machine": {func(h *history) {
			h.stored["b"] = engine.Stored{Version: 2, Machine: "placed", Data: h.stored["b"].Data}
		}, 1, `b: version 2 is stored in state "placed", its inputs lead to "ready"`, ""},
		"row lost": {func(h *history) { delete(h.stored, "a") }, 1, "a: nothing is stored, its inputs lead to version 2", ""},
		"older row": {func(h *history) {
			h.stored["a"] = engine.Stored{Version: 1, Machine: "placed", Data: []byte(`["place"]`)}
		}, 1, "a: version 1 is stored, its inputs lead to 2", ""},
		"input lost": {func(h *history) { h.log = h.log[1:] }, 1, "", "a: the input of version 1 of 2 is no longer both"},
		"inbox lost": {func(h *history) { h.steps = h.steps[:3] }, 1, "", "b: the input of version 2 of 2 is no longer both"},
		"topic anew": {func(h *history) {
			h.log[0] = incoming(ref("orders", "place"), event.Command, "x", `{}`)
			h.log[0].Offset = 0
		}, 1, "", "a: the input of version 1"},
		"not handled":    {func(h *history) { h.steps[0].Version, h.steps[1].Version = 2, 1 }, 1, "a: version 1: event ", ""},
		"nothing at all": {func(h *history) { h.log, h.steps = nil, nil }, 0, "", "a: the input of version 1 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			tc.plant(h)
			c := h.compare(t)
			if c.Equal != tc.equal {
				t.Errorf("%d keys are equal, want %d: %+v", c.Equal, tc.equal, c)
			}
			wants(t, "different", c.Different, tc.different)
			wants(t, "unverified", c.Unverified, tc.unverified)
		})
	}
}

func wants(t *testing.T, what string, findings []engine.Finding, want string) {
	t.Helper()
	got := ""
	if len(findings) > 0 {
		got = findings[0].Key + ": " + findings[0].Reason
	}
	if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

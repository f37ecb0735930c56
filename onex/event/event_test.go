package event_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/event"
)

// when is a time whose text needs every digit.
func when() time.Time { return time.Date(2026, 11, 23, 14, 30, 0, 123456789, time.UTC) }

func TestRootIsItsOwnCause(t *testing.T) {
	t.Parallel()
	r := event.NewRoot("onex://test", event.MustRef("a/b.v1"), "k", []byte(`{}`), when())
	if r.ID == "" || r.CorrelationID != r.ID || r.CausationID != r.ID {
		t.Errorf("id %q, correlation %q, causation %q", r.ID, r.CorrelationID, r.CausationID)
	}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
}

func TestEffectInheritsAndNamesItsCause(t *testing.T) {
	t.Parallel()
	root := event.NewRoot("onex://test", event.MustRef("a/b.v1"), "k", []byte(`{}`), when())
	root.WorkflowID, root.StepID = "checkout", "charge"
	root.TraceParent, root.TraceState = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"
	cause := root.Effect("a", event.MustRef("a/c.v1"), 0, "k1", []byte(`{}`), when())
	e := cause.Effect("pricing", event.MustRef("pricing/done.v2"), 0, "k2", []byte(`{}`), when())
	if e.CorrelationID != root.ID || e.CausationID != cause.ID {
		t.Errorf("correlation %q, causation %q; want %q, %q", e.CorrelationID, e.CausationID, root.ID, cause.ID)
	}
	if e.WorkflowID != "checkout" || e.StepID != "charge" || e.TraceParent != root.TraceParent || e.TraceState != root.TraceState {
		t.Errorf("workflow, step or trace were not copied: %+v", e)
	}
	if e.PartitionKey != "k2" || e.Source != "onex://pricing" || e.DataSchema != "onex://schemas/pricing/done.v2" {
		t.Errorf("key %q, source %q, schema %q", e.PartitionKey, e.Source, e.DataSchema)
	}
	again := cause.Effect("pricing", event.MustRef("pricing/done.v2"), 0, "k2", []byte(`{}`), when().Add(time.Hour))
	if again.ID != e.ID {
		t.Errorf("a second attempt has id %q, the first had %q", again.ID, e.ID)
	}
}

// TestDeriveIDIsFrozen holds the rule to a value: consumers recognise a resend by it, also one that
// an older version sent.
func TestDeriveIDIsFrozen(t *testing.T) {
	t.Parallel()
	const want = "c396772f-36bc-582a-9d8c-2eaeb0e64bac"
	if got := event.DeriveID("00eb6f24-533e-5d3d-8609-609610007898", "pricing", event.MustRef("pricing/order-priced.v1"), 0); got != want {
		t.Errorf("id is %s, want %s", got, want)
	}
}

func TestDeriveIDTellsEverythingApart(t *testing.T) {
	t.Parallel()
	type origin struct {
		cause, node string
		ref         event.Ref
		ordinal     int
	}
	draw := func(t *rapid.T, label string) origin {
		return origin{
			cause: rapid.SampledFrom([]string{"c", "c1", "c2"}).Draw(t, label+" cause"), node: rapid.SampledFrom([]string{"n", "n1"}).Draw(t, label+" node"),
			ref: refs().Draw(t, label+" ref"), ordinal: rapid.IntRange(0, 3).Draw(t, label+" ordinal"),
		}
	}
	id := func(o origin) string { return event.DeriveID(o.cause, o.node, o.ref, o.ordinal) }
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		if (a == b) != (id(a) == id(b)) {
			t.Fatalf("%+v and %+v have ids %s and %s", a, b, id(a), id(b))
		}
	})
}

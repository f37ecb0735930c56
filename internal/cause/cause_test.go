package cause_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/cause"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// memory is a log that is a list.
type memory struct {
	records []engine.Record
	whole   bool
	read    int // readings
}

func (m *memory) ReadSince(_ context.Context, topics []string, _ time.Time, each func(engine.Record)) (bool, error) {
	m.read++
	for _, t := range topics {
		for _, r := range m.records {
			if r.Topic == t {
				each(r)
			}
		}
	}
	return m.whole, nil
}

func (m *memory) ReadRecord(_ context.Context, at engine.Place) (engine.Record, bool, error) {
	for _, r := range m.records {
		if r.Place() == at {
			return r, true, nil
		}
	}
	return engine.Record{}, false, nil
}

func (m *memory) Committed(context.Context, string) (map[string]map[int32]int64, error) {
	return map[string]map[int32]int64{}, nil
}

// add appends an event of the shop: what it is, from whom, its id and those of its cause and its root.
func (m *memory) add(topic, source, id, cause, root string) {
	t, _ := event.ParseTopic(topic)
	e := event.NewRoot(event.Source(source), t.Ref, "k", []byte(`{"order_id":"k"}`), time.Date(2026, 1, 1, 0, 0, len(m.records), 0, time.UTC))
	e.ID, e.CausationID, e.CorrelationID = id, cause, root
	m.records = append(m.records, engine.Record{Topic: topic, Offset: int64(len(m.records)), Key: "k", Headers: e.Headers(), Value: e.Data})
}

const (
	placeOrder  = "onex.cmd.orders.place-order.v1"
	orderPlaced = "onex.evt.orders.order-placed.v1"
	charge      = "onex.cmd.payment.charge-card.v1"
)

// rows is a schema that is a value.
type rows postgres.Footprint

func (r rows) Footprint(context.Context, postgres.FootprintQuery) (postgres.Footprint, error) {
	return postgres.Footprint(r), nil
}

func shop(t *testing.T, log cause.Log, schemas map[string]cause.Rows) *cause.Fleet {
	t.Helper()
	fleet, err := contract.LoadFleet(filepath.Join("..", "..", "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cause.NewFleet(fleet, log, schemas)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// drawn asks and returns the tree as text, one line per entry.
func drawn(t *testing.T, f *cause.Fleet, asked string) (string, *cause.Tree) {
	t.Helper()
	tree, err := f.Trace(t.Context(), asked, cause.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range tree.Lines() {
		b.WriteString(l.String() + "\n")
	}
	return b.String(), tree
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is missing in:\n%s", w, got)
		}
	}
}

// TestRootNeedsOneReading: what follows from a root carries its id, so that the log is read once; of what
// is not a root the correlation id is found first.
func TestRootNeedsOneReading(t *testing.T) {
	t.Parallel()
	for asked, readings := range map[string]int{"a": 1, "b": 2} {
		log := &memory{whole: true}
		log.add(orderPlaced, "orders", "b", "a", "a") // read after its cause, by the names of topics
		log.add(placeOrder, "e2e", "a", "a", "a")
		got, tree := drawn(t, shop(t, log, nil), asked)
		wantLines(t, got, "orders/place-order.v1 command of e2e for k", "└─ orders handled", "   └─ ", "orders/order-placed.v1 event of orders  ")
		if !tree.Complete || log.read != readings {
			t.Errorf("why %s: complete %v after %d readings, want %d", asked, tree.Complete, log.read, readings)
		}
	}
}

// TestCauseThatIsGone: what the log does not hold any more is named, and what followed from it is drawn.
func TestCauseThatIsGone(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(orderPlaced, "orders", "b", "a", "r")
	got, tree := drawn(t, shop(t, log, nil), "b")
	wantLines(t, got, "missing a  its cause is in no topic any more: retention removed it", "└─ ▶ orders/order-placed.v1")
	if tree.Complete {
		t.Error("the tree says it is complete")
	}
	log.whole = false
	got, _ = drawn(t, shop(t, log, nil), "b")
	wantLines(t, got, "missing a  its cause is in no topic since ", "it is older, retention removed it")
}

// TestCausesThatGoRound: hostile records name each other as their cause.
func TestCausesThatGoRound(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(placeOrder, "e2e", "a", "c", "a")
	log.add(orderPlaced, "orders", "b", "a", "a")
	log.add(charge, "checkout", "c", "b", "a")
	got, tree := drawn(t, shop(t, log, nil), "b")
	wantLines(t, got, "lead back to itself: there is no root", "orders/place-order.v1", "▶ orders/order-placed.v1", "payment/charge-card.v1")
	if tree.Complete || strings.Count(got, "orders/place-order.v1") != 1 {
		t.Errorf("got:\n%s", got)
	}
}

// TestLongChain: a chain that is as long as the limit takes neither stack nor lines without end, and what is
// beyond the limit is told.
func TestLongChain(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	const n = 5000
	for i := range n {
		log.add(placeOrder, "e2e", fmt.Sprint("e", i), fmt.Sprint("e", max(i-1, 0)), "e0")
	}
	got, tree := drawn(t, shop(t, log, nil), "e0")
	if !tree.Complete || len(got) > 2000*n || strings.Count(got, "place-order.v1 command") != n {
		t.Errorf("%d bytes, complete %v", len(got), tree.Complete)
	}
	tree, err := shop(t, log, nil).Trace(t.Context(), "e0", cause.Limits{Records: 100})
	if err != nil || !tree.Truncated || tree.Complete || len(tree.Entries) > 300 {
		t.Errorf("%v, %d entries", err, len(tree.Entries))
	}
}

// TestAnotherCorrelation: an edge is a causation id, also between events that do not share a correlation id.
func TestAnotherCorrelation(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(charge, "checkout", "c", "b", "other") // read before its cause
	log.add(orderPlaced, "orders", "b", "a", "third")
	log.add(placeOrder, "e2e", "a", "a", "a")
	for _, asked := range []string{"a", "b", "c"} {
		if got, tree := drawn(t, shop(t, log, nil), asked); !tree.Complete || strings.Count(got, ".v1 ") != 3 {
			t.Errorf("why %s:\n%s", asked, got)
		}
	}
}

// TestWhatNodesDid: inbox, states, parked records, timers and what waits in an outbox are in the tree.
func TestWhatNodesDid(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(placeOrder, "e2e", "a", "a", "a")
	log.add(orderPlaced, "orders", "b", "a", "a")
	log.add(charge, "e2e", "c", "b", "a")
	unsent := &memory{}
	unsent.add("onex.evt.orders.order-ready.v1", "orders", "d", "a", "a")
	out := unsent.records[0]
	next := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	w := postgres.Waiting{Parked: engine.Parked{ID: 7, Record: log.records[2], Reason: engine.Retry, Attempts: 2}, Next: next, Error: "gateway\nis down"}
	f := shop(t, log, map[string]cause.Rows{
		"orders": rows{
			Handled: []postgres.Handled{{InboxKey: postgres.InboxKey{Input: "orders/place-order.v1", IdempotencyKey: "a"}, EventID: "a", Version: 1}},
			States:  map[string]engine.Stored{"k": {Version: 2, Machine: "ready"}},
			Outbox:  []engine.Outgoing{{Topic: out.Topic, Key: out.Key, Headers: out.Headers, Value: out.Value}},
		},
		"checkout": rows{
			Handled: []postgres.Handled{{InboxKey: postgres.InboxKey{Input: "orders/order-placed.v1", IdempotencyKey: "b"}, EventID: "x"}},
			Timers:  []postgres.Pending{{Key: "k", Name: "timeout:charge", CauseID: "b", Due: next}},
		},
		"payment": rows{Parked: []postgres.Waiting{w}},
	})
	got, _ := drawn(t, f, "a")
	wantLines(t, got, "orders handled: version 1 (now 2)", "checkout a duplicate of event x", "checkout a timer is set: timeout:charge",
		"orders/order-ready.v1 event of orders, in the outbox")
	log.records[2].Value = []byte(`{"payment_id":"k","order_id":"k"}`)
	got, tree := drawn(t, f, "a")
	wantLines(t, got, "payment parked as 7, retry, 2 attempts, next 2026-01-01T12:00:00Z: gateway is down")
	for name, picture := range map[string][]byte{"</svg>": tree.SVG(), "flowchart LR": tree.Mermaid()} {
		wantLines(t, string(picture), name, "parked as 7")
	}
}

// TestKeysOfSeveralTrees: a key that is part of several trees has a list.
func TestKeysOfSeveralTrees(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(placeOrder, "e2e", "a", "a", "a")
	log.add(placeOrder, "e2e", "b", "b", "b")
	log.add(placeOrder, "e2e", "c", "b", "b")
	f := shop(t, log, nil)
	chains, err := f.Chains(t.Context(), "orders", "k", cause.Limits{})
	if err != nil || len(chains) != 2 || chains[0].CorrelationID != "a" || chains[1].Events != 2 || chains[1].EventID != "c" {
		t.Errorf("%v, %+v", err, chains)
	}
	if _, err := f.Chains(t.Context(), "orders", "nobody", cause.Limits{}); !errors.Is(err, cause.ErrNotFound) {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := f.Chains(t.Context(), "nothing", "k", cause.Limits{}); !errors.Is(err, cause.ErrNoNode) {
		t.Errorf("unknown node: %v", err)
	}
	if _, err := f.Trace(t.Context(), "nobody", cause.Limits{}); !errors.Is(err, cause.ErrNotFound) {
		t.Errorf("unknown event: %v", err)
	}
	if _, err := f.Trace(t.Context(), placeOrder+"/0/99", cause.Limits{}); !errors.Is(err, cause.ErrNotFound) {
		t.Errorf("unknown place: %v", err)
	}
}

// TestTimersInARow: timers are in no topic, but their ids follow from what set them: also of attempts at one
// thing, of what people asked for, and among many events without an end of memory.
func TestTimersInARow(t *testing.T) {
	t.Parallel()
	log := &memory{whole: true}
	log.add(orderPlaced, "orders", "a", "a", "a")
	last := "a"
	for range 20 {
		last = engine.TimerID("checkout", "retry", last)
	}
	log.add(charge, "checkout", "b", last, "a")
	log.add(charge, "checkout", "c", engine.TimerID("checkout", "ask:cancel", "a"), "a")
	got, tree := drawn(t, shop(t, log, nil), "b")
	if !tree.Complete || strings.Count(got, "the timer fired: retry") != 20 {
		t.Errorf("got:\n%s", got)
	}
	wantLines(t, got, "the timer fired: ask:cancel")
	for i := range 5000 {
		log.add(orderPlaced, "orders", fmt.Sprint("e", i), "a", "a")
	}
	log.add(charge, "checkout", "d", "gone", "a")
	if got, tree = drawn(t, shop(t, log, nil), "d"); tree.Complete {
		t.Error("a cause is missing, but the tree says it is complete")
	}
	wantLines(t, got, "missing gone")
}

package cause_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/cause"
	"github.com/omninode-ai/omninode/internal/local"
	"github.com/omninode-ai/omninode/onex/event"
)

// truth is what a run left, read with nothing but a client of Kafka and SQL.
type truth struct {
	events  map[string]raw // by id
	below   map[string][]string
	letters []raw
	rows    []inboxRow
	states  []stateRow
}

// raw is a record.
type raw struct{ id, cause, place, class string }

type inboxRow struct {
	node, event, place string
	version            int64
}

type stateRow struct {
	node, key string
	version   int64
}

func readTruth(t *testing.T, s *local.Session, fleet *contract.Fleet) *truth {
	t.Helper()
	w := &truth{events: map[string]raw{}, below: map[string][]string{}}
	w.readLog(t, s.Stack.Brokers)
	w.readRows(t, s.Stack.AdminDatabaseURL, fleet)
	for id := range w.events { // timers are in no topic
		for _, timer := range []string{"timeout:charge"} {
			fired := event.DeriveID(id, "checkout#"+timer, event.Ref{}, 0)
			if slices.ContainsFunc(slices.Collect(values(w.events)), func(r raw) bool { return r.cause == fired }) {
				w.events[fired] = raw{id: fired, cause: id, class: "timer"}
			}
		}
	}
	for id, r := range w.events {
		if r.cause != id {
			w.below[r.cause] = append(w.below[r.cause], id)
		}
	}
	return w
}

func values(m map[string]raw) func(func(raw) bool) {
	return func(yield func(raw) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

func (w *truth) readLog(t *testing.T, brokers string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeRegex(), kgo.ConsumeTopics(`^onex\.(evt|cmd|dlq)\..*`),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	ends.Each(func(o kadm.ListedOffset) {
		if !strings.HasPrefix(o.Topic, "onex.snapshot.") && !strings.HasPrefix(o.Topic, "onex.replay.") {
			left += int(o.Offset)
		}
	})
	for left > 0 {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			if !r.Attrs.IsControl() {
				w.record(r)
			}
		})
	}
}

func (w *truth) record(r *kgo.Record) {
	got := raw{place: fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset), class: strings.Split(r.Topic, ".")[1]}
	origin := ""
	at := map[string]string{}
	for _, h := range r.Headers {
		at[h.Key] = string(h.Value)
	}
	got.id, got.cause = at["ce_id"], at["ce_causationid"]
	if at["onex_dlq_topic"] != "" {
		origin = at["onex_dlq_topic"] + "/" + at["onex_dlq_partition"] + "/" + at["onex_dlq_offset"]
	}
	if got.id == "" {
		got.id = got.place
		if origin != "" {
			got.id = origin
		}
	}
	if got.class == "dlq" {
		w.letters = append(w.letters, got)
	} else if _, again := w.events[got.id]; !again {
		w.events[got.id] = got
	}
}

func (w *truth) readRows(t *testing.T, url string, fleet *contract.Fleet) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	for _, c := range fleet.Contracts {
		if c.Kind == contract.Compute {
			continue
		}
		schema := pgx.Identifier{contract.Derive(c).Database.Schema}.Sanitize()
		rows, err := db.Query(t.Context(), `SELECT event_id, topic || '/' || partition || '/' || record_offset, coalesce(state_version, 0) FROM `+schema+`.inbox`)
		if err != nil {
			t.Fatal(err)
		}
		r := inboxRow{node: c.Node}
		if _, err := pgx.ForEachRow(rows, []any{&r.event, &r.place, &r.version}, func() error { w.rows = append(w.rows, r); return nil }); err != nil {
			t.Fatal(err)
		}
		if rows, err = db.Query(t.Context(), `SELECT key, version FROM `+schema+`.state`); err != nil {
			t.Fatal(err)
		}
		s := stateRow{node: c.Node}
		if _, err := pgx.ForEachRow(rows, []any{&s.key, &s.version}, func() error { w.states = append(w.states, s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// family returns the root of an event and all that followed from that.
func (w *truth) family(id string) (root string, all []string) {
	for root = id; w.events[root].cause != root && w.events[root].cause != ""; {
		root = w.events[root].cause
	}
	todo := []string{root}
	for len(todo) > 0 {
		all = append(all, todo[0])
		todo = append(todo[1:], w.below[todo[0]]...)
	}
	slices.Sort(all)
	return root, all
}

// wrong asks why for rows and returns what is wrong with the answers.
func (w *truth) wrong(ctx context.Context, f *cause.Fleet, choose *rand.Rand) (errs []error) {
	limits := cause.Limits{Since: time.Now().Add(-time.Hour)}
	ask := func(asked, id string) *cause.Tree {
		tree, err := f.Trace(ctx, asked, limits)
		if err == nil {
			err = w.compare(tree, id)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("why %s: %w", asked, err))
			return &cause.Tree{}
		}
		return tree
	}
	ids := make([]string, 0, len(w.events))
	for id := range w.events {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range sample(choose, ids) {
		if w.events[id].class != "timer" {
			ask(id, id)
			ask(w.events[id].place, id)
		}
	}
	for _, r := range sample(choose, w.rows) {
		if !slices.ContainsFunc(ask(r.event, r.event).Entries, r.is) {
			errs = append(errs, fmt.Errorf("why %s: row %+v of the inbox is missing", r.event, r))
		}
	}
	for _, l := range sample(choose, w.letters) {
		here := func(e cause.Entry) bool { return e.Kind == cause.DeadLetter && e.Place.String() == l.place }
		if !slices.ContainsFunc(ask(l.place, l.id).Entries, here) {
			errs = append(errs, fmt.Errorf("why %s: the dead letter is missing", l.place))
		}
	}
	for _, s := range sample(choose, w.states) {
		errs = append(errs, w.state(ctx, f, s, limits)...)
	}
	return errs
}

func sample[T any](choose *rand.Rand, list []T) []T {
	list = slices.Clone(list)
	choose.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(len(list), sampled)]
}

func (r inboxRow) is(e cause.Entry) bool {
	version := int64(0)
	if e.State != nil {
		version = e.State.Version
	}
	return e.Kind == cause.Handled && e.Node == r.node && version == r.version
}

// state wants every version of a key in its trees.
func (w *truth) state(ctx context.Context, f *cause.Fleet, s stateRow, l cause.Limits) []error {
	chains, err := f.Chains(ctx, s.node, s.key, l)
	if err != nil {
		return []error{err}
	}
	found := map[int64]bool{}
	for _, c := range chains {
		tree, err := f.Trace(ctx, c.EventID, l)
		if err == nil {
			err = w.compare(tree, c.EventID)
		}
		if err != nil {
			return []error{fmt.Errorf("why %s/%s: %w", s.node, s.key, err)}
		}
		for _, e := range tree.Entries {
			if e.State != nil && e.Node == s.node && e.State.Key == s.key {
				found[e.State.Version] = true
			}
			if e.Kind == cause.Timer && e.Node == s.node { // a timer that fired leaves no row of the inbox
				found[0] = true
			}
		}
	}
	for v := int64(1); v <= s.version; v++ {
		if !found[v] && !found[0] {
			return []error{fmt.Errorf("why %s/%s: version %d of %d is missing", s.node, s.key, v, s.version)}
		}
	}
	return nil
}

// compare wants a tree that reaches the root of an event and holds all that followed from it.
func (w *truth) compare(tree *cause.Tree, id string) error {
	root, want := w.family(id)
	var got []string
	var errs []error
	byID := map[int]cause.Entry{}
	for _, e := range tree.Entries {
		byID[e.ID] = e
		if e.Kind == cause.Event || e.Kind == cause.Command || e.Kind == cause.Timer && e.EventID != "" {
			got = append(got, e.EventID)
			errs = append(errs, w.hangs(byID, e, root))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		errs = append(errs, fmt.Errorf("the tree has %d events, want %d from root %s:\n%v\n%v", len(got), len(want), root, got, want))
	}
	if !tree.Complete {
		errs = append(errs, errors.New("the tree says that it is not complete"))
	}
	return errors.Join(errs...)
}

// hangs wants an event below its cause.
func (w *truth) hangs(byID map[int]cause.Entry, e cause.Entry, root string) error {
	above := byID[e.Parent]
	if above.EventID == "" && above.ID != 0 { // what a node did
		above = byID[above.Parent]
	}
	want := w.events[e.EventID].cause
	if e.EventID == root {
		want = ""
	}
	if above.EventID != want {
		return fmt.Errorf("event %s hangs below %q, want %q", e.EventID, above.EventID, want)
	}
	return nil
}

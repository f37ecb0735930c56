package cause_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/cause"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/local"
	"github.com/omninode-ai/omninode/internal/local/localtest"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// sampled is how many rows of each sort are asked for at most.
const sampled = 120

// TestShop runs the shop with all of its scenarios and asks why for its rows: of inboxes, topics, states
// and dead letters. Each tree must reach the root and hold all that followed, by a computation that shares
// nothing with the one that is tested. Then the checks are shown to bite: with one propagation line taken
// out they fail.
func TestShop(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs the shop")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	s := localtest.Shop(t, root, 1, "checkout", "declined-card", "late-charge", "duplicate-start", "poison", "wrong-topic")
	fleet := s.Fleet
	truth := readTruth(t, s, fleet)
	seed := rand.Uint64()
	t.Logf("%d events, %d rows, %d dead letters, %d states; seed %d", len(truth.events), len(truth.rows), len(truth.letters), len(truth.states), seed)
	choose := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{len(truth.events), len(truth.rows), len(truth.letters), len(truth.states)} {
		if n == 0 {
			t.Fatal("the scenarios left nothing of a sort")
		}
	}
	log := openLog(t, s)
	f := newFleet(t, s, fleet, log)
	for _, w := range truth.wrong(t.Context(), f, choose) {
		t.Error(w)
	}
	for name, mutant := range mutants() {
		if truth.wrong(t.Context(), newFleet(t, s, fleet, mutated{log, mutant}), choose) == nil {
			t.Errorf("nobody noticed that %s", name)
		}
	}
}

// mutants say what a propagation line that is missing leaves out.
func mutants() map[string]func(map[string]string) {
	return map[string]func(map[string]string){
		"emissions of pricing name no cause":     lose("onex://pricing", "ce_causationid"),
		"commands of the workflow name no cause": lose("onex://checkout", "ce_causationid"),
		"emissions of orders name themselves": func(h map[string]string) {
			if h["ce_source"] == "onex://orders" {
				h["ce_causationid"] = h["ce_id"]
			}
		},
	}
}

func lose(source, header string) func(map[string]string) {
	return func(h map[string]string) {
		if h["ce_source"] == source {
			delete(h, header)
		}
	}
}

// mutated is a log whose records lack something.
type mutated struct {
	cause.Log

	mutate func(map[string]string)
}

func (m mutated) ReadSince(ctx context.Context, topics []string, since time.Time, each func(engine.Record)) (bool, error) {
	return m.Log.ReadSince(ctx, topics, since, func(r engine.Record) {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		m.mutate(headers)
		r.Headers = nil
		for k, v := range headers {
			r.Headers = append(r.Headers, event.Header{Key: k, Value: []byte(v)})
		}
		each(r)
	})
}

func openLog(t *testing.T, s *local.Session) *kafka.Client {
	t.Helper()
	log, err := kafka.Open(kafka.Config{Brokers: []string{s.Stack.Brokers}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func newFleet(t *testing.T, s *local.Session, fleet *contract.Fleet, log cause.Log) *cause.Fleet {
	t.Helper()
	rows := map[string]cause.Rows{}
	for _, c := range fleet.Contracts {
		d := contract.Derive(c)
		store, err := postgres.Open(t.Context(), postgres.Config{URL: s.Stack.AdminDatabaseURL, Schema: d.Database.Schema, Group: d.Group, Instance: "test", MaxConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		rows[c.Node] = store
	}
	f, err := cause.NewFleet(fleet, log, rows)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

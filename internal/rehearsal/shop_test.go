package rehearsal_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/local"
	"github.com/omninode-ai/omninode/internal/local/localtest"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/rehearsal"
	"github.com/omninode-ai/omninode/onex/engine"
)

// TestShop runs the shop, then what its pure nodes would do with the recorded inputs: as they are, nothing
// differs; with a planted mistake, exactly the keys that it touches do.
func TestShop(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs the shop")
	}
	b := runShop(t)
	for _, node := range []string{"pricing", "orders"} {
		r := b.replay(t, node, b.build(t, node, nil), engine.Moment{})
		if r.Unequal != 0 || r.Inputs == 0 || r.Equal == 0 || r.Unplayed != 0 {
			t.Errorf("%s as it is differs: %+v", node, r)
		}
		if node == "orders" && r.States == 0 {
			t.Error("no state was compared")
		}
	}
	t.Run("off by one in a compute node", func(t *testing.T) {
		t.Parallel()
		mistake := []string{"emit.OrderPricedV1(Price{", "if in.Data.OrderID[0] < '8' {\n\t\ttotal++\n\t}\n\temit.OrderPricedV1(Price{"}
		r := b.replay(t, "pricing", b.build(t, "pricing", mistake), engine.Moment{})
		want := b.keys(t, "onex.evt.pricing.order-priced.v1", func(key string) bool { return key[0] < '8' })
		if !slices.Equal(r.Keys, want) || r.FieldCounts["$.total_cents"] != r.Unequal || r.Counts[rehearsal.OutputChanged] != r.Unequal {
			t.Errorf("got %+v, want keys %v", r, want)
		}
	})
	t.Run("mistake in a reducer", func(t *testing.T) {
		t.Parallel()
		mistake := []string{"state.PaidCents = &in.Data.AmountCents", "more := in.Data.AmountCents + 1\n\tstate.PaidCents = &more"}
		r := b.replay(t, "orders", b.build(t, "orders", mistake), engine.Moment{})
		want := b.keys(t, "onex.evt.orders.order-ready.v1", func(string) bool { return true })
		if !slices.Equal(r.Keys, want) || r.FieldCounts["$.paid_cents"] != len(want) || r.Counts[rehearsal.StateChanged] != len(want) {
			t.Errorf("got %+v, want keys %v", r, want)
		}
	})
	t.Run("an input that is refused now", func(t *testing.T) {
		t.Parallel()
		mistake := []string{"\tnet := h.netPrices", "\tif in.Data.OrderID[0] < '8' {\n\t\tpanic(\"no\")\n\t}\n\tnet := h.netPrices"}
		r := b.replay(t, "pricing", b.build(t, "pricing", mistake), engine.Moment{})
		if r.Counts[rehearsal.ResultChanged] == 0 || r.Counts[rehearsal.OutputMissing] == 0 || r.Counts[rehearsal.OutputAdded] != 0 {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("from the end", func(t *testing.T) {
		t.Parallel()
		r := b.replay(t, "orders", b.build(t, "orders", nil), engine.Moment{Time: time.Now().Add(time.Hour)})
		if r.Inputs != 0 || r.WarmUp == 0 || r.Unequal != 0 {
			t.Errorf("got %+v", r)
		}
	})
}

// TestProgramThatCannotPlay: the reason is what the program says, not that a pipe broke.
func TestProgramThatCannotPlay(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho 'error: unknown argument \"'$1'\"' >&2\nexit 2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := rehearsal.Start(t.Context(), script, t.TempDir(), nil)
	if err == nil || err.Error() != `the program ended: unknown argument "rehearse"` {
		t.Errorf("got %v", err)
	}
}

// bench is a shop that ran.
type bench struct {
	session *local.Session
	root    string
	log     *kafka.Client
}

func runShop(t *testing.T) *bench {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	s := localtest.Shop(t, root, 3, "checkout", "declined-card", "duplicate-start", "poison", "wrong-topic") // more keys than one
	log, err := kafka.Open(kafka.Config{Brokers: []string{s.Stack.Brokers}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return &bench{session: s, root: root, log: log}
}

// build compiles a node, with one text of its handler replaced by another.
func (b *bench) build(t *testing.T, node string, replace []string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, node)
	args := []string{"build", "-trimpath", "-o", program}
	if len(replace) == 2 {
		original := filepath.Join(b.root, "nodes", node, "handler.go")
		src, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(src), replace[0]) != 1 {
			t.Fatalf("%s: %q is not there once", original, replace[0])
		}
		patched, overlay := filepath.Join(dir, "handler.go"), filepath.Join(dir, "overlay.json")
		list, err := json.Marshal(map[string]map[string]string{"Replace": {original: patched}})
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{patched: []byte(strings.Replace(string(src), replace[0], replace[1], 1)), overlay: list} {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./nodes/"+node+"/cmd")...)
	cmd.Dir = b.root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", node, err, out)
	}
	return program
}

func (b *bench) replay(t *testing.T, node, program string, from engine.Moment) *rehearsal.Report {
	t.Helper()
	c := b.session.Fleet.Contract(node)
	d := contract.Derive(c)
	cfg := rehearsal.Config{Node: node, Log: b.log, Dir: t.TempDir(), Limit: 5, From: from}
	for _, ch := range d.Consumes {
		cfg.Inputs, cfg.Letters = append(cfg.Inputs, ch.Topic), append(cfg.Letters, ch.DeadLetter)
	}
	for _, ch := range d.Produces {
		cfg.Outputs = append(cfg.Outputs, ch.Topic)
	}
	if c.Kind == contract.Reducer {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: b.session.Stack.AdminDatabaseURL, Schema: d.Database.Schema, Group: d.Group, Instance: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		cfg.History = store
	}
	s, err := rehearsal.Start(t.Context(), program, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := rehearsal.Run(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// keys returns the keys that a topic holds, sorted.
func (b *bench) keys(t *testing.T, topic string, wanted func(string) bool) []string {
	t.Helper()
	found := map[string]bool{}
	_, err := b.log.ReadSince(context.WithoutCancel(t.Context()), []string{topic}, time.Time{}, func(r engine.Record) {
		if wanted(r.Key) {
			found[r.Key] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for key := range found {
		list = append(list, key)
	}
	slices.Sort(list)
	if len(list) == 0 {
		t.Fatalf("topic %s holds no such key", topic)
	}
	return list
}

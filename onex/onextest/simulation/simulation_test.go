package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/omninode-ai/omninode/nodes/checkout"
	"github.com/omninode-ai/omninode/nodes/orders"
	"github.com/omninode-ai/omninode/nodes/payment"
	"github.com/omninode-ai/omninode/nodes/pricing"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func TestMain(m *testing.M) {
	http.DefaultTransport = Transport{}
	os.Exit(m.Run()) //nolint:forbidigo // TestMain is a main function
}

// shop is the fleet of this repository, with its real handlers.
func shop() Fleet {
	const order = `"order_id":"00eb6f24-533e-5d3d-8609-609610007898"`
	const lines = `"lines":[{"quantity":2,"sku":"a","unit_cents":100}]`
	sample := func(data string, vary ...string) Sample {
		return Sample{Data: []byte(data), Key: "order_id", Vary: append(vary, "order_id")}
	}
	const charge = `{` + order + `,"payment_id":"70c29c08-e604-5402-aed4-0060997ffb4f","card":"4242424242424242","amount_cents":1}`
	return Fleet{
		Nodes: []onex.Node{checkout.Node(), orders.Node(), payment.Node(), pricing.Node()},
		Inputs: map[event.Ref]Sample{
			event.MustRef("checkout/start-checkout.v1"): sample(`{` + order + `,"card":"4242424242424242",` + lines + `}`),
			event.MustRef("orders/place-order.v1"):      sample(`{` + order + `,` + lines + `}`),
			event.MustRef("orders/order-placed.v1"):     sample(`{` + order + `,` + lines + `}`),
			event.MustRef("orders/order-ready.v1"):      sample(`{` + order + `}`),
			event.MustRef("pricing/price-order.v1"):     sample(`{` + order + `,` + lines + `}`),
			event.MustRef("pricing/order-priced.v1"):    sample(`{` + order + `,"total_cents":240}`),
			event.MustRef("payment/charge-card.v1"):     sample(charge, "payment_id"),
			event.MustRef("payment/refund-card.v1"):     sample(`{`+order+`,"payment_id":"70c29c08-e604-5402-aed4-0060997ffb4f"}`, "payment_id"),
			event.MustRef("payment/card-charged.v1"):    sample(`{` + order + `,"payment_id":"70c29c08-e604-5402-aed4-0060997ffb4f","amount_cents":1}`),
			event.MustRef("payment/card-declined.v1"):   sample(`{` + order + `,"payment_id":"70c29c08-e604-5402-aed4-0060997ffb4f","reason":"no"}`),
		},
	}
}

func mustRun(t *testing.T, f Fleet, cfg Config, seed uint64) Result {
	t.Helper()
	r, err := Run(f, cfg, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestShop: the shop keeps every promise, the same seed takes the same steps, and the faults hit.
func TestShop(t *testing.T) {
	t.Parallel()
	faults := map[string]int{}
	for seed := range uint64(8) {
		r := mustRun(t, shop(), Config{Records: 500}, seed)
		if r.Broken != nil || r.Records < 500 || r.Instances == 0 {
			t.Errorf("seed %d: %v, %d records, %d workflows ended", seed, r.Broken, r.Records, r.Instances)
		}
		if again := mustRun(t, shop(), Config{Records: 500, Trace: true}, seed); again.Hash != r.Hash {
			t.Errorf("seed %d took other steps the second time: %s, then %s", seed, r.Hash, again.Hash)
		}
		again, err := Replay(shop(), Config{Records: 500}, seed, r.Decisions)
		if err != nil || again.Hash != r.Hash {
			t.Errorf("seed %d: its decisions lead to %s, not to %s: %v", seed, again.Hash, r.Hash, err)
		}
		for name, n := range r.Faults {
			faults[name] += n
		}
	}
	for _, name := range []string{"kill", "rebalance", "stop", "duplicate", "redelivery", "clock jump", "reply of a commit is lost", "conflicts"} {
		if faults[name] == 0 {
			t.Errorf("no seed had a fault of kind %q", name)
		}
	}
}

// TestNodes: each node alone keeps its promises; what its workflow asks of others is answered from outside.
func TestNodes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"checkout", "orders", "payment", "pricing"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := shop().Select(name)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(5) {
				if r := mustRun(t, f, Config{Records: 300}, seed); r.Broken != nil {
					t.Errorf("seed %d: %v", seed, r.Broken)
				}
			}
		})
	}
}

// TestPlants: each planted bug is found within 10 seeds of 500 records.
func TestPlants(t *testing.T) {
	t.Parallel()
	for _, plant := range Plants() {
		t.Run(string(plant), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(10) {
				if r := mustRun(t, shop(), Config{Records: 500, Plant: plant}, seed+1); r.Broken != nil {
					t.Logf("seed %d: %v", seed+1, r.Broken)
					return
				}
			}
			t.Error("no seed of 10 found it")
		})
	}
}

// TestHandlers: handlers that break a promise are found as well.
func TestHandlers(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	for _, c := range []struct {
		name, promise string
		handle        func(ctx context.Context, call engine.Call) engine.Outcome
	}{
		{"another key for each attempt", SameKey, func(ctx context.Context, call engine.Call) engine.Outcome {
			return engine.Outcome{Err: post(ctx, strconv.FormatInt(attempts.Add(1), 10))}
		}},
		{"one key for all", SameKey, func(ctx context.Context, _ engine.Call) engine.Outcome {
			return engine.Outcome{Err: post(ctx, "always")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := shop().Select("payment")
			if err != nil {
				t.Fatal(err)
			}
			f.Nodes[0] = handledBy(f.Nodes[0], c.handle)
			for seed := range uint64(10) {
				if r := mustRun(t, f, Config{Records: 300}, seed+1); r.Broken != nil && r.Broken.Promise == c.promise {
					return
				}
			}
			t.Error("no seed of 10 found it")
		})
	}
}

// handledBy returns a node whose inputs all have one handler.
func handledBy(n onex.Node, h engine.Handler) onex.Node {
	n.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		routes := onex.Routes{}
		for _, in := range n.Inputs {
			routes[in.Type] = h
		}
		return onex.Wiring{Routes: routes}, nil
	}
	return n
}

func post(ctx context.Context, key string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://outside.invalid/things", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// TestShrink: a failing seed becomes a trace of one record from outside, which is seen again from its file.
func TestShrink(t *testing.T) {
	t.Parallel()
	cfg := Config{Records: 200, Plant: ReadUncommitted}
	var broken Result
	for seed := uint64(1); broken.Broken == nil && seed <= 20; seed++ {
		broken = mustRun(t, shop(), cfg, seed)
	}
	if broken.Broken == nil {
		t.Fatal("no seed of 20 broke a promise")
	}
	s, err := Shrink(t.Context(), shop(), cfg, broken)
	if err != nil || s.Broken == nil || s.Broken.Promise != broken.Broken.Promise {
		t.Fatal(s.Broken, err)
	}
	if s.Steps >= broken.Steps || s.Inputs > 3 || len(s.Trace) == 0 {
		t.Errorf("from %d steps to %d with %d records from outside and %d lines", broken.Steps, s.Steps, s.Inputs, len(s.Trace))
	}
	file := filepath.Join(t.TempDir(), "trace.json")
	if err := WriteTrace(file, s.trace("fleet")); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	if code := mainCode(t.Context(), shop(), []string{"-trace", file}, &out, &said); code != exitBroken || !strings.Contains(out.String(), "broken: "+NotAborted) || said.Len() > 0 {
		t.Errorf("exit code %d, %s %s", code, out.String(), said.String())
	}
}

// TestMainCode: what the program is told, and what it says.
func TestMainCode(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"decisions":[-1]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"-seed 1..2 -node pricing -records 50 -json", 0, ""},
		{"-seed 1 -node nobody", exitUsage, `no node "nobody"`},
		{"-seed 3..1", exitUsage, "neither A..B nor a number"},
		{"-seed x", exitUsage, "neither A..B nor a number"},
		{"-plant x", exitUsage, `no bug "x"`},
		{"-trace " + bad, exitUnable, "decision -1"},
		{"-trace " + bad + ".no", exitUnable, "no such file"},
	} {
		var out, said bytes.Buffer
		code := mainCode(t.Context(), shop(), strings.Fields(c.args), &out, &said)
		if code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: exit code %d, %s", c.args, code, said.String())
		}
		var r Report
		if c.code == 0 && (json.Unmarshal(out.Bytes(), &r) != nil || r.Seeds != 2 || r.Hash == "") {
			t.Errorf("%s: %s", c.args, out.String())
		}
	}
}

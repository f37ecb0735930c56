package simulation

import (
	"net/http"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/nodes/checkout"
	"github.com/omninode-ai/omninode/nodes/orders"
	"github.com/omninode-ai/omninode/nodes/payment"
	"github.com/omninode-ai/omninode/nodes/pricing"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

func shop() Fleet {
	http.DefaultTransport = Transport{}
	const order = `"order_id":"00eb6f24-533e-5d3d-8609-609610007898"`
	const lines = `"lines":[{"quantity":2,"sku":"a","unit_cents":100}]`
	return Fleet{
		Name:  "fleet",
		Nodes: []onex.Node{checkout.Node(), orders.Node(), payment.Node(), pricing.Node()},
		Inputs: map[event.Ref]Sample{
			event.MustRef("checkout/start-checkout.v1"): {Data: []byte(`{` + order + `,"card":"4242424242424242",` + lines + `}`), Key: "order_id", Vary: []string{"order_id"}},
		},
	}
}

func TestShop(t *testing.T) {
	f := shop()
	for seed := range uint64(10) {
		begun := time.Now()
		r, err := Run(f, Config{Trace: false}, seed)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d: %v %s steps %d records %d inputs %d ended %d virtual %s decisions %d %v in %s", seed, r.Broken, r.Hash, r.Steps, r.Records, r.Inputs, r.Instances, r.Virtual, len(r.Decisions), r.Faults, time.Since(begun))
		again, _ := Run(f, Config{}, seed)
		if again.Hash != r.Hash {
			t.Errorf("seed %d: %s then %s", seed, r.Hash, again.Hash)
		}
	}
}

func TestPlants(t *testing.T) {
	f := shop()
	for _, plant := range Plants() {
		found := false
		for seed := uint64(1); seed <= 100 && !found; seed++ {
			r, err := Run(f, Config{Plant: plant}, seed)
			if err != nil {
				t.Fatal(err)
			}
			if r.Broken != nil {
				t.Logf("%s: seed %d: %v", plant, seed, r.Broken)
				found = true
			}
		}
		if !found {
			t.Errorf("%s: not found", plant)
		}
	}
}

func TestShrink(t *testing.T) {
	f := shop()
	for _, plant := range Plants() {
		cfg := Config{Plant: plant}
		r, err := Run(f, cfg, 1)
		if err != nil || r.Broken == nil {
			t.Fatal(err, r.Broken)
		}
		begun := time.Now()
		s, err := Shrink(t.Context(), f, cfg, r)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: from %d steps to %d, %d inputs, %d surprises, %d runs in %s: %v", plant, r.Steps, s.Steps, s.Inputs, surprises(s.Decisions), s.Runs, time.Since(begun), s.Broken)
		for _, l := range s.Trace {
			t.Log(l)
		}
	}
}

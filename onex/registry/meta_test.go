package registry_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/registry"
)

func TestMeta(t *testing.T) {
	t.Parallel()
	got := registry.Meta(registry.Facts{
		NodeType: "effect", Version: "2.0.1", ContractSHA256: "ab",
		EventsConsumed: []string{"b/y.v1", "a/x.v1", "b/y.v1"}, Capabilities: []string{"payment.charge"},
	})
	want := map[string]string{
		"node_type": "effect", "version": "2.0.1", "events_consumed": "a/x.v1,b/y.v1", "events_emitted": "",
		"capabilities": "payment.charge", "contract_sha256": "ab",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPackBoundaries(t *testing.T) {
	t.Parallel()
	meta := map[string]string{
		"version": "1.0.0", "fits": strings.Repeat("x", registry.MaxMetaValue),
		"long": strings.Repeat("x", registry.MaxMetaValue+1), "digest": "sha256:x",
	}
	fit, overflow, err := registry.Pack("payment", meta)
	if err != nil {
		t.Fatal(err)
	}
	if fit["fits"] != meta["fits"] || fit["version"] != "1.0.0" {
		t.Errorf("what fits was changed: %v", fit)
	}
	want := map[string]string{
		"omninode/meta/payment/1.0.0/long": meta["long"], "omninode/meta/payment/1.0.0/digest": meta["digest"],
	}
	if !maps.Equal(overflow, want) {
		t.Errorf("overflow %v, want %v", overflow, want)
	}
	for _, key := range []string{"long", "digest"} {
		if !strings.HasPrefix(fit[key], "sha256:") || len(fit[key]) != len("sha256:")+64 {
			t.Errorf("%s travels as %q", key, fit[key])
		}
	}
}

func TestUnpackChecks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	fit, overflow, err := registry.Pack("payment", map[string]string{"version": "1", "long": long})
	if err != nil {
		t.Fatal(err)
	}
	away := errors.New("away")
	tests := map[string]struct {
		value string
		found bool
		err   error
		want  string
	}{
		"intact":  {value: long, found: true},
		"altered": {value: long + "x", found: true, want: "does not have the registered hash"},
		"missing": {want: "omninode/meta/payment/1/long is missing"},
		"error":   {err: away, want: "away"},
	}
	for name, tt := range tests {
		got, err := registry.Unpack("payment", fit, func(key string) (string, bool, error) {
			if _, ok := overflow[key]; !ok {
				t.Errorf("%s: asked for %s", name, key)
			}
			return tt.value, tt.found, tt.err
		})
		if tt.want == "" && (err != nil || got["long"] != long) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// TestPackUnpack: whatever the metadata, what comes out is what went in and what travels fits.
func TestPackUnpack(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.String(), rapid.StringN(400, 700, -1), rapid.StringMatching(`sha256:[0-9a-f]{0,64}`))
	rapid.Check(t, func(t *rapid.T) {
		meta := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z0-9_-]{1,20}`), value, 0, registry.MaxMetaPairs).Draw(t, "meta")
		meta["version"] = "1.0.0"
		if len(meta) > registry.MaxMetaPairs {
			return
		}
		fit, overflow, err := registry.Pack("payment", meta)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range fit {
			if len(v) > registry.MaxMetaValue {
				t.Fatalf("%s has %d bytes", k, len(v))
			}
		}
		got, err := registry.Unpack("payment", fit, func(key string) (string, bool, error) { v, ok := overflow[key]; return v, ok, nil })
		if err != nil || !maps.Equal(got, meta) {
			t.Fatalf("got %v, %v; want %v", got, err, meta)
		}
	})
}

func ExamplePack() {
	meta := registry.Meta(registry.Facts{NodeType: "compute", Version: "1.2.0", EventsEmitted: []string{strings.Repeat("pricing/order-priced.v1", 30)}})
	fit, overflow, err := registry.Pack("pricing", meta)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fit["node_type"], fit["events_emitted"][:14]+"…")
	for key, value := range overflow {
		fmt.Println(key, len(value))
	}
	// Output:
	// compute sha256:af6cbda…
	// omninode/meta/pricing/1.2.0/events_emitted 690
}

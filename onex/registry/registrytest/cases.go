package registrytest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/registry"
)

func nobody(t *testing.T, b bench) {
	in, err := b.Catalog.Instances(t.Context(), b.service)
	if err != nil || len(in) != 0 {
		t.Errorf("Instances of a service nobody registered = %+v, %v", in, err)
	}
}

func found(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	b.register(t, r)
	in := b.await(t, "passing", passing(true))[0]
	if in.Service != r.Service || in.ID != r.ID || in.Address != r.Address || in.Port != r.Port || !slices.Equal(in.Tags, r.Tags) {
		t.Errorf("found %+v, registered %+v", in, r)
	}
	equalMeta(t, in, r.Meta)
	if !strings.Contains(in.Output, "all is well") {
		t.Errorf("output %q does not hold what the check answered", in.Output)
	}
}

func checked(t *testing.T, b bench) {
	n := startNode(t)
	b.register(t, b.registration(t, n, "one"))
	b.await(t, "passing", passing(true))
	n.ready.Store(false)
	in := b.await(t, "not passing", passing(false))[0]
	if !strings.Contains(in.Output, "database is away") {
		t.Errorf("output %q does not say why", in.Output)
	}
	n.ready.Store(true)
	b.await(t, "passing again", passing(true))
}

func unreachable(t *testing.T, b bench) {
	n := startNode(t)
	b.register(t, b.registration(t, n, "one"))
	b.await(t, "passing", passing(true))
	n.Close()
	if in := b.await(t, "not passing", passing(false))[0]; in.Output == "" {
		t.Error("an unreachable instance has no output that says why")
	}
}

func replaced(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	b.register(t, r)
	second := startNode(t)
	r2 := b.registration(t, second, "one")
	r2.Meta[registry.MetaVersion] = "2.1.0"
	b.register(t, r2)
	in := b.await(t, "passing", passing(true))[0]
	if in.Port != r2.Port {
		t.Errorf("port %d, registered again with %d", in.Port, r2.Port)
	}
	equalMeta(t, in, r2.Meta)
	second.ready.Store(false)
	b.await(t, "checked at the new address only", passing(false))
}

func sorted(t *testing.T, b bench) {
	n := startNode(t)
	for _, instance := range []string{"c", "a", "b"} {
		b.register(t, b.registration(t, n, instance))
	}
	in := b.await(t, "three instances", count(3))
	if !slices.IsSortedFunc(in, func(x, y registry.Instance) int { return strings.Compare(x.ID, y.ID) }) {
		t.Errorf("not sorted: %+v", in)
	}
}

func longMeta(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	r.Meta[registry.MetaEventsEmitted] = strings.Repeat("payment/card-charged.v1,", 400)
	r.Meta["just_fits"] = strings.Repeat("x", registry.MaxMetaValue)
	r.Meta["too_long"] = strings.Repeat("ü", registry.MaxMetaValue/2) + "!"
	b.register(t, r)
	equalMeta(t, b.await(t, "registered", count(1))[0], r.Meta)
}

func digestMeta(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	r.Meta["image"] = "sha256:" + strings.Repeat("0", 64)
	b.register(t, r)
	equalMeta(t, b.await(t, "registered", count(1))[0], r.Meta)
}

func metaLimits(t *testing.T, b bench) {
	n := startNode(t)
	tooMany := b.registration(t, n, "many")
	for i := range registry.MaxMetaPairs {
		tooMany.Meta["k"+strings.Repeat("x", i)] = "v"
	}
	longKey := b.registration(t, n, "key")
	longKey.Meta[strings.Repeat("k", registry.MaxMetaKey+1)] = "v"
	oddKey := b.registration(t, n, "odd")
	oddKey.Meta["a b"] = "v"
	for _, r := range []registry.Registration{tooMany, longKey, oddKey} {
		if err := b.Registrar.Register(t.Context(), r); err == nil {
			t.Errorf("%s was registered", r.ID)
		}
	}
	nobody(t, b)
}

func incomplete(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	for name, drop := range map[string]func(*registry.Registration){
		"service": func(r *registry.Registration) { r.Service = "" },
		"id":      func(r *registry.Registration) { r.ID = "" },
		"address": func(r *registry.Registration) { r.Address = "" },
		"check":   func(r *registry.Registration) { r.CheckURL = "" },
	} {
		bad := r
		drop(&bad)
		if err := b.Registrar.Register(t.Context(), bad); err == nil {
			t.Errorf("registered without %s", name)
		}
	}
}

func gone(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	b.register(t, r)
	b.await(t, "registered", count(1))
	for range 2 { // the second time it is unknown, which is no error
		if err := b.Registrar.Deregister(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.await(t, "gone", count(0))
}

func forgotten(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	b.register(t, r)
	b.await(t, "passing", passing(true))
	if err := b.Forget(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	b.await(t, "gone", count(0))
	in := b.await(t, "back and passing", passing(true))[0]
	equalMeta(t, in, r.Meta)
}

func staysGone(t *testing.T, b bench) {
	r := b.registration(t, startNode(t), "one")
	b.register(t, r)
	b.await(t, "registered", count(1))
	if err := b.Registrar.Deregister(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	b.await(t, "gone", count(0))
	// Longer than two rechecks of any Backend: coming back would show.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); <-tick.C {
		nobody(t, b)
	}
}

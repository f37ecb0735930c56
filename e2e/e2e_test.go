package e2e

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/registry"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	all, err := Select(Running, nil)
	if err != nil || len(all) != len(Scenarios())-1 {
		t.Errorf("Select(running) = %d scenarios, %v", len(all), err)
	}
	two, err := Select(Running, []string{"poison", "checkout", "deregistered"})
	if err != nil || strings.Join(scenarioNames(two), " ") != "checkout poison" {
		t.Errorf("Select = %v, %v", scenarioNames(two), err)
	}
	if _, err := Select(Running, []string{"poisson"}); err == nil || !strings.Contains(err.Error(), "poison") {
		t.Errorf("an unknown scenario: %v", err)
	}
}

func TestScenariosAreDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if seen[s.Name] || s.Run == nil || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("scenario %+v", s)
		}
		seen[s.Name] = true
	}
}

func TestFromEnvNamesAllThatIsMissing(t *testing.T) {
	t.Parallel()
	only := map[string]string{"CONSUL_HTTP_ADDR": "127.0.0.1:8500"}
	_, err := FromEnv(func(k string) (string, bool) { v, ok := only[k]; return v, ok })
	for _, want := range []string{"ONEX_KAFKA_BROKERS", "E2E_DATABASE_URL", "E2E_GATEWAY_URL", "PAYMENT_GATEWAY_TOKEN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in %v", want, err)
		}
	}
}

func TestRunCollectsEveryResult(t *testing.T) {
	t.Parallel()
	list := []Scenario{
		{Name: "good", Run: func(context.Context, *Stack) error { return nil }},
		{Name: "bad", Run: func(context.Context, *Stack) error { return errors.New("cause\ndetail") }},
		{Name: "panics", Run: func(_ context.Context, s *Stack) error { return s.Close() }},
	}
	told := 0
	results := Run(t.Context(), nil, list, func(Result) { told++ })
	if told != 3 || !results[0].Passed() || results[1].Error != "cause\ndetail" || !strings.Contains(results[2].Error, "panicked") {
		t.Errorf("told of %d; %+v", told, results)
	}
	if v := Verdict(results); v != "1 passed, 2 failed" {
		t.Errorf("Verdict = %q", v)
	}
}

func TestWriteJUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := WriteJUnit(&out, "embedded", []Result{
		{Name: "good", Took: 1500 * time.Millisecond}, {Name: "bad", Error: "a <cause>\x1b[31m\nseen: <&>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var suite junitSuite
	if err := xml.Unmarshal(out.Bytes(), &suite); err != nil {
		t.Fatalf("%v in:\n%s", err, &out)
	}
	f := suite.Cases[1].Failure
	if suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Time != "1.500" || f.Message != "a <cause>[31m" || !strings.Contains(f.Text, "seen: <&>") {
		t.Errorf("suite %+v, failure %+v", suite, f)
	}
}

func TestEventuallyTellsTheLastProblem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Stack{patient: time.Second}
		n := 0
		err := s.eventually(t.Context(), "a thing", func(context.Context) error { n++; return errors.New("still closed") })
		if n < 10 || err == nil || !strings.Contains(err.Error(), "a thing: not seen within 1s; last: still closed") {
			t.Errorf("after %d calls: %v", n, err)
		}
		if err := s.eventually(t.Context(), "a thing", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

func chained(cause event.Envelope, node, ref string) message {
	return message{Event: cause.Effect(node, event.MustRef(ref), 0, "k", nil, time.Now())}
}

func TestCheckLink(t *testing.T) {
	t.Parallel()
	root := event.NewRoot("onex://e2e", event.MustRef(startCheckout), "k", nil, time.Now())
	good := chained(root, "checkout", placeOrder)
	known := map[string]message{root.ID: {Event: root}}
	if err := checkLink(good, known); err != nil {
		t.Errorf("a derived id: %v", err)
	}
	for name, change := range map[string]func(*event.Envelope){
		"does not follow":  func(e *event.Envelope) { e.ID = root.ID },
		"no message":       func(e *event.Envelope) { e.CausationID = "other" },
		"has the source":   func(e *event.Envelope) { e.Source = "checkout" },
		"does not follow ": func(e *event.Envelope) { e.Source = "onex://other" },
	} {
		bad := good
		change(&bad.Event)
		if err := checkLink(bad, known); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChainShowsDeadLetters(t *testing.T) {
	t.Parallel()
	root := event.NewRoot("onex://e2e", event.MustRef(startCheckout), "k", nil, time.Now())
	dead := chained(root, "checkout", placeOrder)
	dead.Headers = map[string]string{engine.HeaderClass: "invalid", engine.HeaderNode: "orders", engine.HeaderTopic: "t", engine.HeaderError: "why"}
	b := &bus{seen: []message{dead, {Event: root}, chained(root, "checkout", placeOrder)}}
	want := "seen: checkout/start-checkout.v1 → orders/place-order.v1\ndead letter of orders from t: invalid: why"
	if got := b.chain(root.ID); got != want {
		t.Errorf("got %q", got)
	}
	if got := b.chain("other"); !strings.HasPrefix(got, "nothing") {
		t.Errorf("got %q", got)
	}
}

func TestFactsOfTheShop(t *testing.T) {
	t.Parallel()
	fleet, err := contract.LoadFleet("../nodes")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]int{"checkout": {6, 6}, "orders": {3, 2}, "payment": {2, 3}, "pricing": {1, 1}}
	for _, c := range fleet.Contracts {
		meta := registry.Meta(facts(c))
		consumed, emitted := strings.Split(meta[registry.MetaEventsConsumed], ","), strings.Split(meta[registry.MetaEventsEmitted], ",")
		if got := [2]int{len(consumed), len(emitted)}; got != want[c.Node] {
			t.Errorf("%s consumes %v and emits %v", c.Node, consumed, emitted)
		}
	}
}

func TestCheckInstances(t *testing.T) {
	t.Parallel()
	good := registry.Instance{ID: "a-1", Passing: true, Meta: map[string]string{"version": "1"}}
	want := map[string]string{"version": "1"}
	if err := checkInstances([]registry.Instance{good}, want); err != nil {
		t.Error(err)
	}
	critical, other, lost := good, good, good
	critical.Passing, critical.Output = false, "503"
	other.Meta = map[string]string{"version": "2"}
	lost.MetaErr = errors.New("lost")
	for text, list := range map[string][]registry.Instance{
		"not registered": nil, "503": {good, critical}, `is "2"`: {other}, "lost": {lost},
	} {
		if err := checkInstances(list, want); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

package catalogue_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/contract"
)

var update = flag.Bool("update", false, "rewrite the expected answers in testdata")

// TestAnswers compares what is said about the library with testdata/NAME.json.
func TestAnswers(t *testing.T) {
	t.Parallel()
	f := cataloguetest.Library(t)
	routes := map[string][]catalogue.Route{}
	for _, c := range f.Contracts {
		routes[c.Node] = catalogue.Routes(c)
	}
	for name, got := range map[string]any{
		"nodes": catalogue.Nodes(f), "topics": catalogue.Topics(f), "routes": routes,
	} {
		golden(t, name, got)
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

// TestTopicsAreComplete: each topic that a node consumes, sends, or leaves dead letters or snapshots on is listed
// once, and nothing else.
func TestTopicsAreComplete(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*contract.Fleet{"library": cataloguetest.Library(t), "shop": cataloguetest.Shop(t), "large": cataloguetest.Large(t, 60)} {
		listed := map[string]int{}
		for _, topic := range catalogue.Topics(f) {
			listed[topic.Name]++
			if topic.Class == "command" && len(topic.Consumers) != 1 {
				t.Errorf("%s: %s is consumed by %v, not by its owner alone", name, topic.Name, topic.Consumers)
			}
		}
		used := map[string]bool{}
		for _, c := range f.Contracts {
			d := contract.Derive(c)
			if d.Snapshots != "" {
				used[d.Snapshots] = true
			}
			if d.Replays != "" {
				used[d.Replays] = true
			}
			for _, ch := range append(d.Consumes, d.Produces...) {
				used[ch.Topic] = true
				if ch.DeadLetter != "" {
					used[ch.DeadLetter] = true
				}
			}
		}
		for topic := range used {
			if listed[topic] != 1 {
				t.Errorf("%s: %s is listed %d times", name, topic, listed[topic])
			}
		}
		if len(listed) != len(used) {
			t.Errorf("%s: %d topics are listed, %d are used", name, len(listed), len(used))
		}
	}
}

// TestEachInputHasARoute: the routing table covers the inputs of every node.
func TestEachInputHasARoute(t *testing.T) {
	t.Parallel()
	for _, c := range cataloguetest.Shop(t).Contracts {
		routed := map[string]bool{}
		for _, r := range catalogue.Routes(c) {
			routed[r.Input] = true
		}
		for _, m := range c.Inputs() {
			if !routed[m.Ref.String()] {
				t.Errorf("%s: input %s has no route", c.Node, m.Ref)
			}
		}
	}
}

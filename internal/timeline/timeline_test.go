package timeline_test

import (
	"encoding/xml"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/timeline"
	"github.com/omninode-ai/omninode/onex/workflow"
)

var update = flag.Bool("update", false, "rewrite the drawn timelines in testdata")

// at is a moment after the beginning.
func at(seconds float64) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func mark(seconds float64, step, was string) workflow.Mark {
	return workflow.Mark{At: at(seconds), Step: step, Was: was, By: "e-1"}
}

func checkout() workflow.Definition {
	return workflow.Definition{Steps: []workflow.Step{{Name: "place"}, {Name: "charge"}, {Name: "gift"}, {Name: "ready"}, {Name: "cool_off"}}}
}

// cases are instances in each condition.
func cases() map[string]*workflow.Instance {
	running := &workflow.Instance{
		Key: "ann", Definition: strings.Repeat("ab", 32), Status: workflow.Running,
		Steps: map[string]string{"place": workflow.Succeeded, "charge": workflow.Sent, "gift": workflow.Succeeded},
		Moved: map[string]workflow.Move{"charge": {Step: "pay"}},
		Trail: []workflow.Mark{
			mark(0, "", "started"), mark(0, "place", workflow.Sent), mark(0.001, "gift", workflow.Sent),
			mark(12, "place", workflow.Succeeded), mark(12, "charge", workflow.Sent), mark(30.5, "gift", workflow.Succeeded),
		},
	}
	failed := &workflow.Instance{
		Key: "ben\x1b[31m", Definition: "cd", Status: workflow.Failed, Reason: "step charge: no answer within 30s",
		Steps: map[string]string{"place": workflow.Undone, "charge": workflow.StepFailed},
		Late:  []workflow.LateAnswer{{Type: "pay/charged.v1", Step: "charge"}},
		Trail: []workflow.Mark{
			mark(0, "", "started"), mark(0, "place", workflow.Sent), mark(5, "place", workflow.Succeeded), mark(5, "charge", workflow.Sent),
			mark(35, "charge", workflow.StepFailed), mark(35, "", workflow.Undoing), mark(36, "place", workflow.Undone), mark(36, "", workflow.Failed),
		},
	}
	halted := &workflow.Instance{
		Key: "cat", Definition: "cd", Status: workflow.Halted, Steps: map[string]string{"place": workflow.Succeeded},
		Stuck: &workflow.Stuck{Step: "charge", Attempts: 5, Since: at(3), Error: "no price"},
		Trail: []workflow.Mark{mark(0, "", "started"), mark(0, "place", workflow.Sent), mark(2, "place", workflow.Succeeded), mark(3, "", workflow.Halted)},
	}
	return map[string]*workflow.Instance{"running": running, "failed": failed, "halted": halted, "no-trail": {Key: "dan", Status: workflow.Running}}
}

// TestLines: what an instance did and waits for is drawn where it happened.
func TestLines(t *testing.T) {
	t.Parallel()
	for name, i := range cases() {
		var b strings.Builder
		for _, l := range timeline.New(checkout(), i, at(60)).Lines() {
			b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
		}
		file := "testdata/" + name + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%swant\n%s", name, b.String(), want)
		}
	}
}

// TestPictureOfTheManual: docs/workflows.md shows what is drawn.
func TestPictureOfTheManual(t *testing.T) {
	t.Parallel()
	const file = "../../docs/img/workflow.svg"
	i := &workflow.Instance{
		Key: "order-7", Definition: "5f1d0c7be2a94410", Status: workflow.Failed, Reason: "step pack: no answer within 20s",
		Steps: map[string]string{"place": workflow.Undone, "charge": workflow.Undone, "pack": workflow.StepFailed, "gift": workflow.Succeeded},
		Trail: []workflow.Mark{
			mark(0, "", "started"), mark(0, "place", workflow.Sent), mark(4, "place", workflow.Succeeded),
			mark(4, "charge", workflow.Sent), mark(4, "gift", workflow.Sent), mark(10, "gift", workflow.Succeeded), mark(13, "charge", workflow.Succeeded),
			mark(13, "pack", workflow.Sent), mark(33, "pack", workflow.StepFailed), mark(33.4, "charge", workflow.Undone), mark(33.6, "place", workflow.Undone),
			mark(34, "", workflow.Failed),
		},
	}
	def := workflow.Definition{Steps: []workflow.Step{{Name: "place"}, {Name: "charge"}, {Name: "gift"}, {Name: "pack"}, {Name: "send"}}}
	picture := timeline.New(def, i, at(60)).SVG()
	if *update {
		if err := os.WriteFile(file, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != string(picture) {
		t.Errorf("%s is not what is drawn (%v): go test ./internal/timeline -update", file, err)
	}
}

// TestSVG: a picture is well-formed whatever the key holds, and has a bar for each that was begun.
func TestSVG(t *testing.T) {
	t.Parallel()
	for name, i := range cases() {
		tl := timeline.New(checkout(), i, at(60))
		picture := tl.SVG()
		var root struct {
			Bars []struct{} `xml:"rect"`
		}
		if err := xml.Unmarshal(picture, &root); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bars := 1 // the page
		for _, r := range tl.Rows {
			bars += len(r.Bars)
		}
		if len(root.Bars) != bars {
			t.Errorf("%s: %d bars are drawn, want %d", name, len(root.Bars), bars)
		}
	}
}

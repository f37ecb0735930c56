package onex_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// pulse asks an echo every second.
func pulse(node onex.Node) schedule.Schedule {
	return schedule.Schedule{Name: "pulse", Every: time.Second, Send: ref(node.Name, "ask"), Key: "id", Data: `{"n":0}`}
}

// tickOf returns when the tick was that an answer is about.
func tickOf(key string) (time.Time, error) {
	return time.Parse(time.RFC3339, strings.TrimPrefix(key, "pulse-"))
}

// TestScheduleOfTwoProcesses: each tick is sent once by all processes of a node together, also when
// one of them ends, and one that is sent again is a duplicate.
func TestScheduleOfTwoProcesses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	node.Schedules = []schedule.Schedule{pulse(node)}
	first := f.start("a", node)
	second := f.start("b", node)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	ticks := map[string]bool{}
	for rec := range f.stream(ctx, topicOf(event.Event, ref(node.Name, "answer"))) {
		tick, err := tickOf(string(rec.Key))
		if err != nil || ticks[string(rec.Key)] {
			t.Fatalf("tick %s was handled twice, or is none: %v", rec.Key, err)
		}
		ticks[string(rec.Key)] = true
		if len(ticks) == 2 {
			f.again(node, tick)
			f.eventually("the tick that came again is a duplicate", func() error { return duplicates(first, second) })
			first.halt()
		}
		if len(ticks) == 5 {
			break
		}
	}
	if len(ticks) != 5 {
		t.Fatalf("ticks %v", ticks)
	}
}

// again sends a tick as a relay would that did not know it had done so.
func (f *fixture) again(node onex.Node, tick time.Time) {
	f.t.Helper()
	e, err := node.Schedules[0].Event(node.Name, tick)
	if err != nil {
		f.t.Fatal(err)
	}
	f.produce(record(event.Command, e))
}

func duplicates(processes ...*running) error {
	for _, r := range processes {
		if _, body := r.read("/metrics"); strings.Contains(body, "onex_duplicates_total{") {
			return nil
		}
	}
	return errors.New("no process saw a duplicate")
}

// TestMissedTicks: a node that was down for an hour sends the latest tick only.
func TestMissedTicks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	hourly := pulse(node)
	hourly.Every = time.Hour
	node.Schedules = []schedule.Schedule{hourly}
	env := f.env([]onex.Node{node}, "a")
	last := time.Now().Truncate(time.Hour).Add(-3 * time.Hour)
	_, err := f.db.Exec(t.Context(), fmt.Sprintf(`INSERT INTO %q.schedule (name, spec, last_tick) VALUES ('pulse', 'every 1h0m0s', $1)`,
		strings.ReplaceAll(node.Name, "-", "_")), last)
	if err != nil {
		t.Fatal(err)
	}
	r := f.launch(env, node)
	f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
	answer := f.collect(1, topicOf(event.Event, ref(node.Name, "answer")))[0]
	if tick, err := tickOf(string(answer.Key)); err != nil || tick.Sub(last) < 3*time.Hour {
		t.Errorf("tick %s after %s: %v", answer.Key, last, err)
	}
	if _, body := r.read("/metrics"); !strings.Contains(body, `schedule="pulse"} 2`) && !strings.Contains(body, `schedule="pulse"} 3`) {
		t.Errorf("the metrics do not count what was missed:\n%s", body)
	}
}

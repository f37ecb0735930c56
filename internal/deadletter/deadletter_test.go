package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

const dead, origin = "onex.dlq.shop.buy.v1", "onex.cmd.shop.buy.v1"

// cluster is one partition of each topic.
type cluster map[string][]engine.Record

func (c cluster) TopicsUnder(_ context.Context, prefix string) (list []string, err error) {
	for topic := range c {
		if strings.HasPrefix(topic, prefix) {
			list = append(list, topic)
		}
	}
	return list, nil
}

func (c cluster) ReadTopics(_ context.Context, topics []string, each func(engine.Record)) error {
	for _, t := range topics {
		for _, r := range c[t] {
			each(r)
		}
	}
	return nil
}

func (c cluster) add(out engine.Outgoing) {
	c[out.Topic] = append(c[out.Topic], engine.Record{
		Topic: out.Topic, Offset: int64(len(c[out.Topic])), Key: out.Key, Headers: out.Headers, Value: out.Value,
	})
}

func (c cluster) send(list []deadletter.Sent) {
	for _, s := range list {
		c.add(s.Record)
	}
}

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0).UTC() }

func core(t *testing.T) *engine.Core {
	t.Helper()
	c, err := engine.New(engine.Config{Node: "shop", Inputs: []engine.Input{{Type: event.MustRef("shop/buy.v1"), Class: event.Command}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bury buries a record that was at an offset, and was replayed before.
func (c cluster) bury(t *testing.T, offset int64, key, data string, replays, when int) {
	t.Helper()
	e := event.NewRoot("onex://test", event.MustRef("shop/buy.v1"), key, []byte(data), at(0))
	r := engine.Record{Topic: origin, Offset: offset, Key: key, Headers: e.Headers(), Value: e.Data}
	it := core(t).Reopen(engine.Parked{Record: r, Reason: engine.Retry, Since: at(when)})
	if replays > 0 {
		it.Replay = &engine.Replay{Count: replays, FirstFailure: at(1)}
	}
	d := core(t).Admit(it, engine.View{}, at(when))
	c.add(core(t).Settle(it, engine.View{}, d, engine.Outcome{Err: engine.Permanent(errors.New("no luck with " + key))}, at(when)).Outbox[0])
}

func (c cluster) box(t *testing.T) *deadletter.Box {
	t.Helper()
	b, err := deadletter.Read(t.Context(), c, "shop", func(deadletter.Letter) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func all() deadletter.Filter { return deadletter.Filter{All: true} }

func exists() deadletter.Rules { return deadletter.Rules{Partitions: map[string]int{origin: 1}} }

func keys(list []deadletter.Letter) string {
	names := make([]string, 0, len(list))
	for _, l := range list {
		names = append(names, l.Record.Key)
	}
	return fmt.Sprint(names)
}

func TestSelect(t *testing.T) {
	t.Parallel()
	c := cluster{dead: nil, "onex.dlq.shops.buy.v1": {{Topic: "onex.dlq.shops.buy.v1"}}}
	c.bury(t, 1, "a", `{}`, 0, 10)
	c.bury(t, 2, "b", `{`, 0, 20)
	c.bury(t, 3, "c", `{}`, 0, 30)
	b := c.box(t)
	id := b.Letters[2].ID
	for name, test := range map[string]struct {
		filter deadletter.Filter
		want   string
	}{
		"all":        {deadletter.Filter{}, "[a b c]"},
		"class":      {deadletter.Filter{Class: engine.Malformed}, "[b]"},
		"input":      {deadletter.Filter{Input: "shop/bu"}, "[a b c]"},
		"other":      {deadletter.Filter{Input: "sell"}, "[]"},
		"key":        {deadletter.Filter{Key: "c"}, "[c]"},
		"error":      {deadletter.Filter{Error: "LUCK WITH A"}, "[a]"},
		"since":      {deadletter.Filter{Since: at(20)}, "[b c]"},
		"id":         {deadletter.Filter{IDs: []string{id}}, "[c]"},
		"part of id": {deadletter.Filter{IDs: []string{id[:6]}}, "[c]"},
		"place":      {deadletter.Filter{IDs: []string{dead + "/0/1"}}, "[b]"},
		"chain":      {deadletter.Filter{Correlation: b.Letters[0].CorrelationID}, "[a]"},
	} {
		if got := keys(b.Select(test.filter)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if u := b.Unknown([]string{id, "0", dead + "/0/9"}); len(u) != 2 {
		t.Errorf("unknown %v", u)
	}
}

func TestNodeWithoutTopics(t *testing.T) {
	t.Parallel()
	if _, err := deadletter.Read(t.Context(), cluster{"onex.dlq.shops.buy.v1": nil}, "shop", nil); !errors.Is(err, deadletter.ErrNone) {
		t.Error(err)
	}
}

// TestWhatIsNoLetterIsSaid: somebody wrote to the topic by hand.
func TestWhatIsNoLetterIsSaid(t *testing.T) {
	t.Parallel()
	c := cluster{dead: nil}
	c.add(engine.Outgoing{Topic: dead, Value: []byte("hello")})
	c.bury(t, 1, "a", `{}`, 0, 10)
	if b := c.box(t); len(b.Unreadable) != 1 || !strings.Contains(b.Unreadable[0], dead+"/0/0") || len(b.Letters) != 1 {
		t.Errorf("%v, %d letters", b.Unreadable, len(b.Letters))
	}
}

// TestReplayIsPlannedOnce: the mark that goes with a replay makes every later plan refuse the letter, and
// the letter of its next failure is one of its own.
func TestReplayIsPlannedOnce(t *testing.T) {
	t.Parallel()
	c := cluster{dead: nil}
	c.bury(t, 1, "a", `{}`, 0, 10)
	b := c.box(t)
	plan := b.PlanReplay(b.Select(all()), exists())
	if keys(plan.Do) != "[a]" || len(plan.Refused) != 0 {
		t.Fatalf("plan %+v", plan)
	}
	c.send(deadletter.Replay(plan.Do[0], "ann", at(20)))
	b = c.box(t)
	if l := b.Letters[0]; l.Status != deadletter.Replayed || l.Mark.By != "ann" || !l.Mark.Time.Equal(at(20)) || len(b.Select(deadletter.Filter{})) != 0 {
		t.Fatalf("letter %+v", l)
	}
	if plan := b.PlanReplay(b.Letters, exists()); len(plan.Do) != 0 || !strings.Contains(plan.Refused[0].Why, "by ann") {
		t.Fatalf("plan %+v", plan)
	}
	it := core(t).Open(c["onex.replay.shop"][0])
	if it.Record.Place() != b.Letters[0].Origin || it.Replay.Count != 1 {
		t.Fatalf("replayed %+v", it)
	}
	c.bury(t, 1, "a", `{}`, 1, 30)
	b = c.box(t)
	if plan := b.PlanReplay(b.Letters, exists()); keys(plan.Do) != "[a]" || plan.Do[0].Replays != 1 || len(plan.Refused) != 1 {
		t.Fatalf("plan %+v", plan)
	}
}

func TestWhatIsNotReplayed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bury  func(*testing.T, cluster)
		rules deadletter.Rules
		why   string
	}{
		"too often": {func(t *testing.T, c cluster) { t.Helper(); c.bury(t, 1, "a", `{}`, deadletter.MaxReplays, 10) }, exists(), "replayed 3 times"},
		"cut":       {func(t *testing.T, c cluster) { t.Helper(); c.bury(t, 1, "a", strings.Repeat(" ", 2<<20), 0, 10) }, exists(), "larger than any envelope"},
		"no topic":  {func(t *testing.T, c cluster) { t.Helper(); c.bury(t, 1, "a", `{}`, 0, 10) }, deadletter.Rules{}, "does not exist any more"},
		"partition": {func(t *testing.T, c cluster) { t.Helper(); c.bury(t, 1, "a", `{}`, 0, 10) }, deadletter.Rules{Partitions: map[string]int{origin: 0}}, "partition does not exist"},
	} {
		c := cluster{dead: nil}
		test.bury(t, c)
		b := c.box(t)
		if plan := b.PlanReplay(b.Letters, test.rules); len(plan.Do) != 0 || !strings.Contains(plan.Refused[0].Why, test.why) {
			t.Errorf("%s: %+v", name, plan)
		}
	}
	c := cluster{dead: nil}
	c.bury(t, 1, "a", `{}`, deadletter.MaxReplays, 10)
	rules := exists()
	rules.Force = true
	b := c.box(t)
	if plan := b.PlanReplay(b.Letters, rules); keys(plan.Do) != "[a]" {
		t.Errorf("by force: %+v", plan)
	}
}

// TestTheLastLetterOfARecordIsReplayed: of a record that was buried twice without a replay between.
func TestTheLastLetterOfARecordIsReplayed(t *testing.T) {
	t.Parallel()
	c := cluster{dead: nil}
	c.bury(t, 1, "a", `{}`, 0, 10)
	c.bury(t, 1, "a", `{}`, 0, 20)
	b := c.box(t)
	plan := b.PlanReplay(b.Letters, exists())
	if len(plan.Do) != 1 || plan.Do[0].ID != b.Letters[1].ID || !strings.Contains(plan.Refused[0].Why, b.Letters[1].ID) {
		t.Errorf("plan %+v", plan)
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	c := cluster{dead: nil}
	c.bury(t, 1, "a", `{}`, 0, 10)
	l := c.box(t).Letters[0]
	c.send(deadletter.Drop(l, "bob", "told them", at(20)))
	b := c.box(t)
	if plan := b.PlanReplay(b.Letters, exists()); len(plan.Do) != 0 || !strings.Contains(plan.Refused[0].Why, "dropped 1970-01-01T00:00:20Z by bob: told them") {
		t.Errorf("replay: %+v", plan)
	}
	if plan := deadletter.PlanDrop(b.Letters); len(plan.Do) != 0 || len(plan.Refused) != 1 {
		t.Errorf("drop: %+v", plan)
	}
	if len(b.Select(deadletter.Filter{})) != 0 || keys(b.Select(all())) != "[a]" {
		t.Error("a dropped letter is not open")
	}
}

// TestEveryClassHasANextStep that names the letter.
func TestEveryClassHasANextStep(t *testing.T) {
	t.Parallel()
	for _, class := range engine.Classes() {
		l := deadletter.Letter{ID: "abcdef", Status: deadletter.Open, Letter: engine.Letter{Node: "shop", Class: class}}
		if next := l.Next(); !strings.Contains(next, " shop abcdef") {
			t.Errorf("%s: %s", class, next)
		}
	}
}

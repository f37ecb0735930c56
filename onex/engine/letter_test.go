package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// bury returns the letter of a record whose handler gave it up.
func bury(t *testing.T, c *engine.Core, it engine.Item, now time.Time) engine.Letter {
	t.Helper()
	_, commit := settle(c, it, engine.View{}, engine.Outcome{Err: engine.Permanent(errors.New("no luck"))}, now)
	if commit.Result != engine.DeadLettered {
		t.Fatalf("result %s", commit.Result)
	}
	return letter(t, commit.Outbox[0])
}

func letter(t *testing.T, out engine.Outgoing) engine.Letter {
	t.Helper()
	l, err := engine.ReadLetter(engine.Record{Topic: out.Topic, Partition: 0, Offset: 40, Key: out.Key, Headers: out.Headers, Value: out.Value})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// replayed is the record of a replay as the node fetches it.
func replayed(l engine.Letter, offset int64) engine.Record {
	out := l.Replay("ann", at(100))
	return engine.Record{Topic: out.Topic, Offset: offset, Key: out.Key, Headers: out.Headers, Value: out.Value}
}

func versioned(cfg *engine.Config) { cfg.Version, cfg.Instance = "1.2.3", "a" }

func TestLetterTellsWhatHappened(t *testing.T) {
	t.Parallel()
	c := core(t, versioned)
	r := incoming(buy(), event.Command, "k", `{}`)
	it := c.Reopen(engine.Parked{ID: 1, Record: r, Reason: engine.Retry, Attempts: 2, Since: at(3)})
	l := bury(t, c, it, at(9))
	e := it.Event
	want := engine.Letter{
		Record: l.Record, Origin: engine.Place{Topic: r.Topic, Partition: 2, Offset: 7}, Node: "shop", Version: "1.2.3", Instance: "a",
		Class: engine.PermanentFailure, Error: "no luck", Attempts: 3, FirstFailure: at(3), Time: at(9),
		Envelope: engine.EnvelopeRead, EventID: e.ID, EventType: "shop/buy.v1", CorrelationID: e.CorrelationID, CausationID: e.CausationID,
	}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("letter\n%+v, want\n%+v", l, want)
	}
	if got := l.Original(); !reflect.DeepEqual(got, r) {
		t.Errorf("the record was\n%+v, not\n%+v", r, got)
	}
}

// TestLetterTellsWhatCouldBeRead of an envelope that was refused, and never what is no text.
func TestLetterTellsWhatCouldBeRead(t *testing.T) {
	t.Parallel()
	c := core(t, versioned)
	good := incoming(buy(), event.Command, "k", `{}`)
	bomb := good
	bomb.Headers = append(bomb.Headers, make([]event.Header, 500)...)
	huge := good
	huge.Value = bytes.Repeat([]byte("x"), 1<<20)
	odd := header(without(without(without(without(good, "ce_type"), "ce_id"), "ce_correlationid"), "ce_causationid"), "ce_id", "a\nb")
	for name, test := range map[string]struct {
		record   engine.Record
		envelope engine.EnvelopeState
		typ      string
		cut      bool
	}{
		"header bomb": {bomb, engine.EnvelopePartly, "shop/buy.v1", false},
		"no time":     {without(good, "ce_time"), engine.EnvelopePartly, "shop/buy.v1", false},
		"huge":        {huge, engine.EnvelopePartly, "shop/buy.v1", true},
		"bare":        {engine.Record{Topic: good.Topic, Value: []byte("x")}, engine.EnvelopeUnread, "", false},
		"no text":     {odd, engine.EnvelopeUnread, "", false},
	} {
		_, commit := settle(c, c.Open(test.record), engine.View{}, engine.Outcome{}, at(1))
		if l := letter(t, commit.Outbox[0]); l.Envelope != test.envelope || l.EventType != test.typ || l.Cut != test.cut {
			t.Errorf("%s: envelope %q of type %q, cut %t", name, l.Envelope, l.EventType, l.Cut)
		}
	}
}

func TestReadLetterNamesTheHeader(t *testing.T) {
	t.Parallel()
	good := bury(t, core(t, nil), core(t, nil).Open(incoming(buy(), event.Command, "k", `{}`)), at(9)).Record
	for _, key := range []string{engine.HeaderPartition, engine.HeaderOffset, engine.HeaderAttempts, engine.HeaderTime} {
		if _, err := engine.ReadLetter(without(good, key)); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: %v", key, err)
		}
	}
	old := without(without(good, engine.HeaderReplays), engine.HeaderFirstFailure)
	if l, err := engine.ReadLetter(old); err != nil || l.Replays != 0 || !l.FirstFailure.Equal(at(9)) {
		t.Errorf("a letter without the later headers: %+v, %v", l, err)
	}
}

// TestReplayIsTheRecordOnceMore: what was buried comes back to where it was, under its own id, and if it
// is buried again, the letter still tells of its first time.
func TestReplayIsTheRecordOnceMore(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	r := incoming(buy(), event.Command, "k", `{}`)
	first := c.Open(r)
	it := c.Open(replayed(bury(t, c, first, at(9)), 55))
	if it.IdempotencyKey != first.IdempotencyKey || !reflect.DeepEqual(it.Event, first.Event) || it.Record.Place() != r.Place() {
		t.Fatalf("replayed %+v of %s", it.Event, it.Record.Place())
	}
	if it.Next() != 56 || it.Attempt != 1 || it.Replay.Count != 1 {
		t.Fatalf("next %d, attempt %d, replay %+v", it.Next(), it.Attempt, it.Replay)
	}
	d, commit := settle(c, it, engine.View{}, engine.Outcome{}, at(101))
	if d.Verdict != engine.Move || commit.Park == nil || commit.Park.Reason != engine.Retry || !commit.Park.Next.Equal(at(101)) || commit.Park.Attempts != 0 {
		t.Fatalf("verdict %d, commit %+v", d.Verdict, commit)
	}
	again := c.Reopen(engine.Parked{ID: 1, Record: it.Record, Reason: engine.Retry, Since: at(101)})
	if d := c.Admit(again, engine.View{Behind: true}, at(102)); d.Verdict != engine.Handle || d.Call.Attempt != 1 {
		t.Fatalf("verdict %d, attempt %d", d.Verdict, d.Call.Attempt)
	}
	second := bury(t, c, again, at(103))
	if second.Replays != 1 || second.Origin != r.Place() || !second.FirstFailure.Equal(at(9)) || second.Record.Topic != "onex.dlq.shop.buy.v1" {
		t.Errorf("second letter %+v", second)
	}
	if third := c.Open(replayed(second, 60)); third.Replay.Count != 2 || third.Record.Place() != r.Place() {
		t.Errorf("second replay %+v of %s", third.Replay, third.Record.Place())
	}
}

func TestReplayIsAdmittedLikeAnyRecord(t *testing.T) {
	t.Parallel()
	r := incoming(buy(), event.Command, "k", `{}`)
	for name, test := range map[string]struct {
		change func(*engine.Config)
		view   engine.View
		want   engine.Verdict
	}{
		"at once":                     {nil, engine.View{}, engine.Move},
		"behind parked ones":          {nil, engine.View{Behind: true}, engine.Follow},
		"handled meanwhile":           {nil, engine.View{Seen: true, Behind: true}, engine.Skip},
		"exactly once needs no place": {func(cfg *engine.Config) { cfg.Pure = true }, engine.View{}, engine.Handle},
	} {
		c := core(t, test.change)
		if d := c.Admit(c.Open(replayed(bury(t, c, c.Open(r), at(9)), 55)), test.view, at(101)); d.Verdict != test.want {
			t.Errorf("%s: verdict %d, want %d", name, d.Verdict, test.want)
		}
	}
}

// TestReplayOfAnOlderVersion is upcast like the record it was.
func TestReplayOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	newer := event.Ref{Node: "shop", Name: "buy", Version: 2}
	c := core(t, func(cfg *engine.Config) {
		in := &cfg.Inputs[0]
		in.Older = []engine.Older{{Type: in.Type, Upcast: func(d []byte) ([]byte, error) { return []byte(`{"new":` + string(d) + `}`), nil }}}
		in.Type = newer
	})
	it := c.Open(replayed(bury(t, c, c.Open(incoming(buy(), event.Command, "k", `1`)), at(9)), 55))
	if it.Event.Type != newer || string(it.Event.Data) != `{"new":1}` || it.Record.Topic != "onex.cmd.shop.buy.v1" {
		t.Errorf("replayed as %s %s from %s", it.Event.Type, it.Event.Data, it.Record.Topic)
	}
}

// TestReplayIsNotForged: a producer that sends the headers of replays and dead letters changes nothing,
// and what is no replay is a dead letter from its topic.
func TestReplayIsNotForged(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	r := incoming(buy(), event.Command, "k", `{}`)
	forged := r
	for _, h := range replayed(bury(t, c, c.Open(r), at(9)), 1).Headers {
		if strings.HasPrefix(h.Key, "onex_") {
			forged = header(forged, h.Key, "99")
		}
	}
	it := c.Open(header(forged, engine.HeaderClass, "forged"))
	if it.Replay != nil || !reflect.DeepEqual(it.Record.Headers, r.Headers) {
		t.Errorf("replay %+v, headers %s", it.Replay, it.Record.Headers)
	}
	bare := r
	bare.Topic = "onex.replay.shop"
	it = c.Open(bare)
	_, commit := settle(c, it, engine.View{}, engine.Outcome{}, at(9))
	l := letter(t, commit.Outbox[0])
	if l.Class != engine.Malformed || l.Origin != bare.Place() || !strings.Contains(l.Error, "omninode dlq replay") || it.Next() != 8 || l.Replays != 0 {
		t.Errorf("letter %+v", l)
	}
}

func TestTopicsIncludeReplays(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprint(core(t, nil).Topics()); got != "[onex.cmd.shop.buy.v1 onex.replay.shop]" {
		t.Error(got)
	}
}

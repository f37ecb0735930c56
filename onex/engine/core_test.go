package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0).UTC() }

func ref(node, name string) event.Ref { return event.Ref{Node: node, Name: name, Version: 1} }

// incoming is a record of an external producer.
func incoming(t event.Ref, class event.Class, key, data string) engine.Record {
	e := event.NewRoot("onex://test", t, key, []byte(data), at(0))
	return engine.Record{
		Topic: event.Topic{Class: class, Ref: t}.String(), Partition: 2, Offset: 7, Key: key, Headers: e.Headers(), Value: e.Data,
	}
}

func buy() event.Ref { return ref("shop", "buy") }

func core(t *testing.T, change func(*engine.Config)) *engine.Core {
	t.Helper()
	cfg := engine.Config{
		Node: "shop", Random: func() float64 { return 0.5 },
		Inputs: []engine.Input{{
			Type: buy(), Class: event.Command, Emits: []event.Ref{ref("shop", "bought")},
			Retry: engine.RetryPolicy{Attempts: 3, First: time.Second, Max: 3 * time.Second},
		}},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle admits and settles an item whose handler returns out.
func settle(c *engine.Core, it engine.Item, v engine.View, out engine.Outcome, now time.Time) (engine.Decision, engine.Commit) {
	d := c.Admit(it, v, now)
	return d, c.Settle(it, v, d, out, now)
}

func bought(n int) []engine.Emission {
	var list []engine.Emission
	for i := range n {
		list = append(list, engine.Emission{Class: event.Event, Type: ref("shop", "bought"), Key: "k", Data: fmt.Append(nil, i)})
	}
	return list
}

func TestUnreadableInputsAreRefused(t *testing.T) {
	t.Parallel()
	good := func() engine.Record { return incoming(buy(), event.Command, "k", `{"id":"a"}`) }
	with := func(change func(*engine.Record)) engine.Record {
		r := good()
		change(&r)
		return r
	}
	tests := map[string]struct {
		record engine.Record
		class  engine.Class
		says   string
	}{
		"no envelope":    {with(func(r *engine.Record) { r.Headers = nil }), engine.Malformed, "specversion"},
		"garbage":        {with(func(r *engine.Record) { r.Headers, r.Value = nil, []byte{0xff, 0, 1} }), engine.Malformed, "specversion"},
		"twice":          {header(good(), "ce_id", "x"), engine.Malformed, "given twice"},
		"broken json":    {incoming(buy(), event.Command, "k", `{`), engine.Malformed, "not JSON"},
		"other key":      {with(func(r *engine.Record) { r.Key = "x" }), engine.Malformed, "partitionkey"},
		"control bytes":  {incoming(buy(), event.Command, "a\x00b", `{}`), engine.Malformed, "not printable"},
		"no type at all": {without(good(), "ce_type"), engine.Incomplete, `"type" is missing`},
		"no causation":   {without(good(), "ce_causationid"), engine.Incomplete, `"causationid" is missing`},
		"no time":        {without(good(), "ce_time"), engine.Incomplete, `"time" is missing`},
		"tombstone":      {with(func(r *engine.Record) { r.Value = nil }), engine.Tombstone, "no payload"},
		"bare tombstone": {with(func(r *engine.Record) { r.Value, r.Headers = nil, nil }), engine.Tombstone, "no payload"},
		"1 MiB":          {with(func(r *engine.Record) { r.Value = make([]byte, 1<<20) }), engine.TooLarge, "1048576 bytes"},
		"many headers":   {with(func(r *engine.Record) { r.Headers = append(r.Headers, make([]event.Header, 100)...) }), engine.HeaderLimit, "headers"},
		"huge header":    {header(good(), "x", strings.Repeat("x", 1<<20)), engine.HeaderLimit, "bytes of headers"},
		"next year":      {clock(good(), at(365*24*3600)), engine.Future, "1971-01-01"},
		"wrong type":     {with(func(r *engine.Record) { r.Headers = incoming(ref("shop", "sell"), event.Command, "k", "{}").Headers }), engine.WrongType, "shop/sell.v1"},
		"wrong version": {with(func(r *engine.Record) {
			r.Headers = incoming(event.Ref{Node: "shop", Name: "buy", Version: 9}, event.Command, "k", "{}").Headers
		}), engine.WrongVersion, "shop/buy.v9"},
		"unknown topic":   {incoming(ref("shop", "sell"), event.Command, "k", `{}`), engine.WrongType, "handles nothing"},
		"no key property": {incoming(buy(), event.Command, "k", `{"other":1}`), engine.Invalid, `"id" is missing`},
		"not an object":   {incoming(buy(), event.Command, "k", `[1]`), engine.Invalid, "not an object"},
		"nul in key":      {incoming(buy(), event.Command, "k", `{"id":"a\u0000"}`), engine.Invalid, "not text"},
		"endless key":     {incoming(buy(), event.Command, "k", `{"id":"`+strings.Repeat("a", 2000)+`"}`), engine.Invalid, "too long"},
	}
	c := core(t, func(cfg *engine.Config) { cfg.Inputs[0].IdempotencyKey = "id" })
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it := c.Open(test.record)
			d, commit := settle(c, it, engine.View{}, engine.Outcome{}, at(1))
			if d.Verdict != engine.Refuse || commit.Class != test.class || !strings.Contains(commit.Err.Error(), test.says) {
				t.Fatalf("verdict %d, class %s: %v", d.Verdict, commit.Class, commit.Err)
			}
			if it.Readable() && test.class != engine.Future || commit.Inbox || commit.State != nil || commit.Park != nil || len(commit.Outbox) != 1 {
				t.Fatalf("commit %+v", commit)
			}
		})
	}
}

// header returns the record with one more header, without or clock one with other headers.
func header(r engine.Record, key, value string) engine.Record {
	r.Headers = append(slices.Clone(r.Headers), event.Header{Key: key, Value: []byte(value)})
	return r
}

func without(r engine.Record, key string) engine.Record {
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h event.Header) bool { return h.Key == key })
	return r
}

func clock(r engine.Record, at time.Time) engine.Record {
	return header(without(r, "ce_time"), "ce_time", at.Format(time.RFC3339Nano))
}

func TestClockMayBeAhead(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	for ahead, want := range map[time.Duration]engine.Verdict{
		-time.Hour: engine.Handle, engine.MaxAhead: engine.Handle, engine.MaxAhead + 1: engine.Refuse,
	} {
		it := c.Open(clock(incoming(buy(), event.Command, "k", `{}`), at(1).Add(ahead)))
		if d := c.Admit(it, engine.View{}, at(1)); d.Verdict != want {
			t.Errorf("%s ahead: verdict %d, want %d", ahead, d.Verdict, want)
		}
	}
}

// TestDeadLetterFitsItsTopic: whatever a foreign producer managed to write, its dead letter is one
// the broker takes.
func TestDeadLetterFitsItsTopic(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	const limit = 1_000_012 // of a client's batch by default
	mega := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		record engine.Record
		cut    bool
	}{
		"largest that is good": {incoming(buy(), event.Command, strings.Repeat("k", event.MaxAttribute), `"`+mega[:event.MaxDataBytes-2]+`"`), false},
		"value":                {engine.Record{Topic: "onex.cmd.shop.buy.v1", Value: []byte(mega)}, true},
		"key":                  {engine.Record{Topic: "onex.cmd.shop.buy.v1", Key: mega}, true},
		"header":               {engine.Record{Topic: "onex.cmd.shop.buy.v1", Headers: []event.Header{{Key: "h", Value: []byte(mega)}}}, true},
		"headers":              {engine.Record{Topic: "onex.cmd.shop.buy.v1", Headers: make([]event.Header, 1<<18)}, true},
	} {
		_, commit := settle(c, c.Open(test.record), engine.View{}, engine.Outcome{Err: engine.Permanent(errors.New(mega))}, at(9))
		dead, cut := commit.Outbox[0], false
		size := len(dead.Key) + len(dead.Value)
		for _, h := range dead.Headers {
			size += len(h.Key) + len(h.Value) + 8
			cut = cut || h.Key == engine.HeaderCut
		}
		if size > limit || cut != test.cut {
			t.Errorf("%s: dead letter of %d bytes, cut %t, want at most %d, %t", name, size, cut, limit, test.cut)
		}
	}
}

func TestDeadLetterIsTheRecordWithItsStory(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	r := incoming(buy(), event.Command, "k", `{}`)
	r.Headers = append(r.Headers, event.Header{Key: engine.HeaderClass, Value: []byte("of an earlier burial")})
	_, commit := settle(c, c.Open(r), engine.View{}, engine.Outcome{Err: engine.Permanent(errors.New("no\x00 " + strings.Repeat("ß", 1000)))}, at(9))
	dead := commit.Outbox[0]
	if dead.Topic != "onex.dlq.shop.buy.v1" || dead.Key != "k" || string(dead.Value) != "{}" {
		t.Errorf("dead letter %s %s %s", dead.Topic, dead.Key, dead.Value)
	}
	got := map[string]string{}
	for _, h := range dead.Headers {
		if _, twice := got[h.Key]; twice {
			t.Errorf("header %s is given twice", h.Key)
		}
		got[h.Key] = string(h.Value)
	}
	for key, want := range map[string]string{
		engine.HeaderTopic: r.Topic, engine.HeaderPartition: "2", engine.HeaderOffset: "7", engine.HeaderNode: "shop",
		engine.HeaderClass: "permanent", engine.HeaderAttempts: "1", engine.HeaderTime: "1970-01-01T00:00:09Z", "ce_type": "shop/buy.v1",
	} {
		if got[key] != want {
			t.Errorf("header %s is %q, want %q", key, got[key], want)
		}
	}
	if text := got[engine.HeaderError]; len(text) > 1100 || strings.Contains(text, "\x00") || strings.ToValidUTF8(text, "") != text {
		t.Errorf("error text %q", text)
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	fresh := c.Open(incoming(buy(), event.Command, "k", `{}`))
	parked := c.Reopen(engine.Parked{ID: 1, Record: fresh.Record, Reason: engine.Retry, Attempts: 2})
	tests := map[string]struct {
		item engine.Item
		view engine.View
		want engine.Verdict
	}{
		"fresh":              {fresh, engine.View{}, engine.Handle},
		"seen":               {fresh, engine.View{Seen: true}, engine.Skip},
		"behind":             {fresh, engine.View{Behind: true}, engine.Follow},
		"seen and behind":    {fresh, engine.View{Seen: true, Behind: true}, engine.Skip},
		"head of its key":    {parked, engine.View{Behind: true}, engine.Handle},
		"seen while parked":  {parked, engine.View{Seen: true, Behind: true}, engine.Skip},
		"with another state": {fresh, engine.View{State: engine.Stored{Version: 3, Data: []byte("{}")}}, engine.Handle},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := c.Admit(test.item, test.view, at(1)); d.Verdict != test.want {
				t.Errorf("verdict %d, want %d", d.Verdict, test.want)
			}
		})
	}
	if d := c.Admit(parked, engine.View{}, at(1)); d.Call.Attempt != 3 {
		t.Errorf("attempt %d after 2", d.Call.Attempt)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	plain := errors.New("no luck")
	halt := func(cfg *engine.Config) { cfg.Inputs[0].Retry.HaltKey = true }
	pure := func(cfg *engine.Config) { cfg.Pure = true }
	tests := map[string]struct {
		change   func(*engine.Config)
		attempts int // made before
		err      error
		result   engine.Result
		class    engine.Class
		next     time.Time
	}{
		"first":               {nil, 0, plain, engine.Retried, "", at(100).Add(750 * time.Millisecond)},
		"second":              {nil, 1, plain, engine.Retried, "", at(100).Add(1500 * time.Millisecond)},
		"last":                {nil, 2, plain, engine.DeadLettered, engine.Exhausted, time.Time{}},
		"permanent":           {nil, 0, fmt.Errorf("wrapped: %w", engine.Permanent(plain)), engine.DeadLettered, engine.PermanentFailure, time.Time{}},
		"retry after":         {nil, 0, engine.RetryAfter(time.Minute, plain), engine.Retried, "", at(160)},
		"retry after the end": {nil, 2, engine.RetryAfter(time.Minute, plain), engine.DeadLettered, engine.Exhausted, time.Time{}},
		"halted":              {halt, 2, plain, engine.KeyHalted, engine.Exhausted, time.Time{}},
		"halted at once":      {halt, 0, engine.Permanent(plain), engine.KeyHalted, engine.PermanentFailure, time.Time{}},
		"pure":                {pure, 0, plain, engine.DeadLettered, engine.PermanentFailure, time.Time{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := core(t, test.change)
			r := incoming(buy(), event.Command, "k", `{}`)
			it := c.Open(r)
			if test.attempts > 0 {
				it = c.Reopen(engine.Parked{ID: 1, Record: r, Reason: engine.Retry, Attempts: test.attempts, Since: at(50)})
			}
			_, commit := settle(c, it, engine.View{}, engine.Outcome{Err: test.err, Emissions: bought(1)}, at(100))
			if commit.Result != test.result || commit.Class != test.class || commit.Inbox {
				t.Fatalf("result %s, class %s, inbox %t", commit.Result, commit.Class, commit.Inbox)
			}
			var next time.Time
			if commit.Park != nil {
				next = commit.Park.Next
				if commit.Park.Attempts != test.attempts+1 {
					t.Errorf("attempts %d", commit.Park.Attempts)
				}
			}
			if !next.Equal(test.next) {
				t.Errorf("next attempt %s, want %s", next, test.next)
			}
		})
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p := engine.RetryPolicy{First: 100 * time.Millisecond, Max: time.Second}
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := p.Delay(i+1, 0); got != want*time.Millisecond {
			t.Errorf("after attempt %d: %s", i+1, got)
		}
		if got := p.Delay(i+1, 0.999); got < want*time.Millisecond/2 || got >= want*time.Millisecond {
			t.Errorf("after attempt %d with jitter: %s", i+1, got)
		}
	}
	if got := (engine.RetryPolicy{}).Delay(1000, 0); got != time.Minute {
		t.Errorf("without a policy: %s", got)
	}
}

func TestEmissions(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	it := c.Open(incoming(buy(), event.Command, "k", `{}`))
	_, commit := settle(c, it, engine.View{}, engine.Outcome{Emissions: bought(2)}, at(1))
	if commit.Result != engine.Handled || !commit.Inbox || commit.State != nil || len(commit.Outbox) != 2 {
		t.Fatalf("commit %+v", commit)
	}
	for i, out := range commit.Outbox {
		e, err := event.Decode(out.Headers, out.Value)
		if err != nil {
			t.Fatal(err)
		}
		if want := event.DeriveID(it.Event.ID, "shop", ref("shop", "bought"), i); e.ID != want || out.Topic != "onex.evt.shop.bought.v1" {
			t.Errorf("emission %d: id %s on %s", i, e.ID, out.Topic)
		}
		if e.CausationID != it.Event.ID || e.CorrelationID != it.Event.CorrelationID {
			t.Errorf("emission %d: caused by %s in chain %s", i, e.CausationID, e.CorrelationID)
		}
	}
	_, again := settle(c, it, engine.View{}, engine.Outcome{Emissions: bought(2)}, at(1))
	if fmt.Sprint(again.Outbox) != fmt.Sprint(commit.Outbox) {
		t.Error("a second handling emits something else")
	}
	for name, bad := range map[string]engine.Emission{
		"undeclared": {Class: event.Event, Type: ref("shop", "sold"), Key: "k", Data: []byte("1")},
		"no key":     {Class: event.Event, Type: ref("shop", "bought"), Data: []byte("1")},
		"long key":   {Class: event.Event, Type: ref("shop", "bought"), Key: strings.Repeat("k", 2000), Data: []byte("1")},
		"not json":   {Class: event.Event, Type: ref("shop", "bought"), Key: "k", Data: []byte("{")},
		"too large":  {Class: event.Event, Type: ref("shop", "bought"), Key: "k", Data: []byte(`"` + strings.Repeat("x", event.MaxDataBytes) + `"`)},
	} {
		_, commit := settle(c, it, engine.View{}, engine.Outcome{Emissions: append(bought(1), bad)}, at(1))
		if commit.Class != engine.PermanentFailure || commit.Inbox || len(commit.Outbox) != 1 {
			t.Errorf("%s: %+v", name, commit)
		}
	}
}

func TestEmissionPosition(t *testing.T) {
	t.Parallel()
	c := core(t, nil)
	e := event.NewRoot("onex://test", buy(), "k", []byte(`{}`), at(0))
	e.WorkflowID, e.StepID = "checkout:1", "pay"
	it := c.Open(engine.Record{Topic: "onex.cmd.shop.buy.v1", Key: "k", Headers: e.Headers(), Value: e.Data})
	out := bought(2)
	out[1].Position = &engine.Position{}
	_, commit := settle(c, it, engine.View{}, engine.Outcome{Emissions: out}, at(1))
	for i, want := range []string{"checkout:1 pay", " "} {
		e, err := event.Decode(commit.Outbox[i].Headers, commit.Outbox[i].Value)
		if got := e.WorkflowID + " " + e.StepID; err != nil || got != want {
			t.Errorf("emission %d is at %q, want %q (%v)", i, got, want, err)
		}
	}
}

func TestNewRefusesAnInputTwice(t *testing.T) {
	t.Parallel()
	in := engine.Input{Type: buy(), Class: event.Command}
	if _, err := engine.New(engine.Config{Node: "shop", Inputs: []engine.Input{in, in}}); err == nil {
		t.Error("an input declared twice is accepted")
	}
}

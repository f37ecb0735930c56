package enginetest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// claims: each claim raises the epoch and continues where the last one stood; a topic that was
// created again starts from its beginning.
func claims(b *bench) {
	first := b.claim(0)
	b.commit(&first, engine.Commit{Item: item(4, "k")})
	second := b.claim(0)
	b.equal("next", second.Next, 5)
	if second.Epoch <= first.Epoch {
		b.t.Fatalf("epoch %d after %d", second.Epoch, first.Epoch)
	}
	at, err := b.Store.Position(b.t.Context(), partition(0))
	b.equal("error", err, nil)
	b.equal("position", at, second)
	again := partition(0)
	again.TopicID = [16]byte{9}
	l, err := b.Store.Claim(b.t.Context(), again)
	b.equal("error", err, nil)
	b.equal("next of the topic created again", l.Next, 0)
	b.equal("next of another partition", b.claim(1).Next, 0)
}

// commit: everything a commit holds can be read back.
func commit(b *bench) {
	l, it := b.claim(0), item(0, "k")
	b.equal("view before", b.view(it), engine.View{})
	b.commit(&l, engine.Commit{
		Item: it, Inbox: true, Outbox: append(out("1"), out("2")...),
		State: &engine.StateWrite{Key: "k", Machine: "placed", Data: []byte(`{"a": 1}`)},
	})
	v := b.view(it)
	b.equal("seen", v.Seen, true)
	b.equal("state", v.State, engine.Stored{Version: 1, Machine: "placed", Data: []byte(`{"a": 1}`)})
	b.equal("outbox", b.sent(), []string{"1", "2"})
	b.equal("view of another event", b.view(item(1, "other")), engine.View{})
}

// overtaken: who lost the claim can commit nothing, neither a record nor a parked one.
func overtaken(b *bench) {
	l := b.claim(0)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}})
	parked := b.due(now())[0]
	b.claim(0)
	it := item(1, "x")
	b.refuse(l, engine.Commit{Item: it, Inbox: true, Outbox: out("1")}, engine.ErrFenced)
	retried := item(0, "k")
	retried.Parked = &parked
	b.refuse(l, engine.Commit{Item: retried, Inbox: true, Outbox: out("1")}, engine.ErrFenced)
	b.equal("seen", b.view(it).Seen, false)
	b.equal("outbox", b.sent(), []string{})
}

// offsetMustMatch: the same commit twice is refused, which is what makes a late one harmless.
func offsetMustMatch(b *bench) {
	l := b.claim(0)
	before := l
	b.commit(&l, engine.Commit{Item: item(0, "k"), Outbox: out("1")})
	b.refuse(before, engine.Commit{Item: item(0, "k"), Outbox: out("1")}, engine.ErrFenced)
	b.equal("outbox", b.sent(), []string{"1"})
}

// seenTwice: an event that was handled elsewhere meanwhile is not handled again.
func seenTwice(b *bench) {
	l, other, it := b.claim(0), b.claim(1), item(0, "k")
	b.commit(&l, engine.Commit{Item: it, Inbox: true})
	b.refuse(other, engine.Commit{Item: it, Inbox: true, Outbox: out("1")}, engine.ErrConflict)
	b.equal("outbox", b.sent(), []string{})
}

// stateMustMatch: a state is only replaced by one computed from it.
func stateMustMatch(b *bench) {
	l := b.claim(0)
	write := func(offset, expect int64) engine.Commit {
		return engine.Commit{Item: item(offset, "k"), State: &engine.StateWrite{Key: "k", Expect: expect, Data: []byte(`{}`)}}
	}
	b.refuse(l, write(0, 3), engine.ErrConflict)
	b.commit(&l, write(0, 0))
	b.refuse(l, write(1, 0), engine.ErrConflict)
	b.commit(&l, write(1, 1))
	b.refuse(l, write(2, 1), engine.ErrConflict)
	b.equal("version", b.view(item(2, "k")).State.Version, 2)
}

// refusalIsTotal: a refused commit leaves nothing behind, whatever it was refused for.
func refusalIsTotal(b *bench) {
	l, it := b.claim(0), item(0, "k")
	b.refuse(l, engine.Commit{
		Item: it, Inbox: true, Outbox: out("1"),
		State: &engine.StateWrite{Key: "k", Expect: 7, Data: []byte(`{}`)},
	}, engine.ErrConflict)
	b.equal("view", b.view(it), engine.View{})
	b.equal("outbox", b.sent(), []string{})
	at, err := b.Store.Position(b.t.Context(), partition(0))
	b.equal("error", err, nil)
	b.equal("position", at, l)
}

// parkedQueue: records of a key come back one after the other in their order.
func parkedQueue(b *bench) {
	l := b.claim(0)
	later := now().Add(time.Minute)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: later}})
	b.commit(&l, engine.Commit{Item: item(1, "k"), Park: &engine.Park{Reason: engine.Behind, Since: now()}})
	b.commit(&l, engine.Commit{Item: item(2, "k"), Park: &engine.Park{Reason: engine.Behind, Since: now()}})
	b.equal("behind", b.view(item(3, "k")).Behind, true)
	b.equal("another key behind", b.view(item(3, "x")).Behind, false)
	b.equal("due early", len(b.due(now())), 0)
	for offset := range int64(3) {
		due := b.due(later)
		b.equal("due", len(due), 1)
		b.equal("offset", due[0].Record.Offset, offset)
		it := item(offset, "k")
		it.Record, it.Parked = due[0].Record, &due[0]
		b.commit(&l, engine.Commit{Item: it, Inbox: true})
	}
	b.equal("due in the end", len(b.due(later)), 0)
	b.equal("behind in the end", b.view(item(3, "k")).Behind, false)
}

// whenNext: the next moment that something comes due is known, whether it is a record or a timer.
func whenNext(b *bench) {
	next := func() time.Time {
		b.t.Helper()
		due, err := b.Store.Due(b.t.Context(), now(), []engine.Partition{partition(0)})
		if err != nil {
			b.t.Fatal(err)
		}
		return due.Next.UTC()
	}
	b.equal("nothing", next(), time.Time{})
	l := b.claim(0)
	at := now().Add(time.Minute)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Since: now(), Next: now()}})
	b.equal("due already", next(), time.Time{})
	b.commit(&l, engine.Commit{Item: item(1, "x"), Park: &engine.Park{Reason: engine.Retry, Since: now(), Next: at.Add(time.Second)}})
	b.equal("a record", next(), at.Add(time.Second))
	b.commit(&l, setTimers(2, 0, at, "t"))
	b.equal("a timer", next(), at)
}

// behindNothing: a record that was seen to be behind another is not parked for good if that one was
// settled meanwhile, but due at once, and so is none that follows it, or that is behind one of its own
// transaction.
func behindNothing(b *bench) {
	l := b.claim(0)
	behind := func(offset int64, key string) engine.Commit {
		return engine.Commit{Item: item(offset, key), Park: &engine.Park{Reason: engine.Behind, Since: now()}}
	}
	first := engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Since: now(), Next: now().Add(time.Minute)}}
	if err := b.Store.Commit(b.t.Context(), l, first, behind(1, "k"), behind(2, "x"), behind(3, "x")); err != nil {
		b.t.Fatal(err)
	}
	l.Next = 4
	due := b.due(now())
	b.equal("due", len(due), 1)
	b.equal("offset", due[0].Record.Offset, 2)
	b.commit(&l, behind(4, "x"))
	b.equal("due behind", len(b.due(now())), 1)
}

// parkedChain: what waits behind a record can be settled with it, as far as the first that fails.
func parkedChain(b *bench) {
	l := b.claim(0)
	later := now().Add(time.Minute)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}})
	for offset := range int64(4) {
		b.commit(&l, engine.Commit{Item: item(offset+1, "k"), Park: &engine.Park{Reason: engine.Behind, Since: now()}})
	}
	b.commit(&l, engine.Commit{Item: item(5, "x"), Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: later}})
	first := b.due(now())[0]
	behind := b.behind(first, 10)
	b.equal("behind", offsets(behind), []int64{1, 2, 3, 4})
	b.equal("the next", offsets(b.behind(first, 2)), []int64{1, 2})
	settle := func(p engine.Parked) engine.Commit {
		it := item(p.Record.Offset, "k")
		it.Record, it.Parked = p.Record, &p
		return engine.Commit{Item: it, Inbox: true}
	}
	fails := settle(behind[1])
	fails.Inbox, fails.Park = false, &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: later}
	if err := b.Store.Commit(b.t.Context(), l, settle(first), settle(behind[0]), fails); err != nil {
		b.t.Fatal(err)
	}
	b.equal("due", len(b.due(now())), 0)
	b.equal("due later", offsets(b.due(later)), []int64{2, 5})
	b.equal("rest", offsets(b.behind(b.due(later)[0], 10)), []int64{3, 4})
}

func offsets(list []engine.Parked) []int64 {
	at := make([]int64, 0, len(list))
	for _, p := range list {
		at = append(at, p.Record.Offset)
	}
	slices.Sort(at)
	return at
}

// earlyWakes: a change of the key's state brings back what came too early, and no other key's.
func earlyWakes(b *bench) {
	l := b.claim(0)
	later := now().Add(time.Minute)
	for i, key := range []string{"k", "x"} {
		b.commit(&l, engine.Commit{Item: item(int64(i), key), Park: &engine.Park{Reason: engine.Early, Since: now(), Next: later}})
	}
	b.commit(&l, engine.Commit{Item: item(2, "k2"), State: &engine.StateWrite{Key: "k", Data: []byte(`{}`)}})
	due := b.due(now())
	b.equal("due", len(due), 1)
	b.equal("key", due[0].Record.Key, "k")
	b.equal("since", due[0].Since.Equal(now()), true)
}

// haltedStays: a halted key waits for a person, and what comes later waits behind it.
func haltedStays(b *bench) {
	l := b.claim(0)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Halted, Attempts: 3, Since: now()}})
	b.equal("behind", b.view(item(1, "k")).Behind, true)
	b.equal("due", len(b.due(now().Add(1000*time.Hour))), 0)
}

// parkedSettledOnce: two tries at the same parked record cannot both be committed.
func parkedSettledOnce(b *bench) {
	l := b.claim(0)
	b.commit(&l, engine.Commit{Item: item(0, "k"), Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}})
	due := b.due(now())
	it := item(0, "k")
	it.Parked = &due[0]
	b.commit(&l, engine.Commit{Item: it, Park: &engine.Park{Reason: engine.Retry, Attempts: 2, Since: now(), Next: now()}})
	b.refuse(l, engine.Commit{Item: it, Inbox: true, Outbox: out("1")}, engine.ErrConflict)
	again := b.due(now())
	b.equal("attempts", again[0].Attempts, 2)
	b.equal("outbox", b.sent(), []string{})
}

func setTimers(offset, expect int64, due time.Time, names ...string) engine.Commit {
	writes := []engine.TimerWrite{}
	for _, name := range names {
		writes = append(writes, engine.TimerWrite{Name: name, Due: due, Cause: engine.TimerCause{ID: "cause", CorrelationID: "root"}})
	}
	return engine.Commit{
		Item: item(offset, "k"), Timers: &writes,
		State: &engine.StateWrite{Key: "k", Expect: expect, Data: []byte(`{}`)},
	}
}

// timers: those named are set, those not named are gone, and one already set keeps its time.
func timers(b *bench) {
	l := b.claim(0)
	soon, late := now().Add(time.Second), now().Add(time.Hour)
	first := setTimers(0, 0, soon, "a", "b")
	b.commit(&l, first)
	b.equal("due early", len(b.fired(now())), 0)
	b.commit(&l, setTimers(1, 1, late, "a", "c"))
	fired := b.fired(soon)
	b.equal("due", len(fired), 1)
	want := engine.Fired{Key: "k", Name: "a", Cause: engine.TimerCause{ID: "cause", CorrelationID: "root"}}
	b.equal("timer", fired[0], want)
	b.equal("due late", len(b.fired(late)), 2)
}

// timerSettledOnce: a timer that two processes fire is handled by one of them.
func timerSettledOnce(b *bench) {
	l := b.claim(0)
	b.commit(&l, setTimers(0, 0, now(), "a"))
	fired := b.fired(now())
	it := engine.Item{Timer: &fired[0], StateKey: "k", Event: event.Envelope{ID: "timer"}}
	b.commit(&engine.Lease{}, engine.Commit{Item: it, Outbox: out("1")})
	b.refuse(engine.Lease{}, engine.Commit{Item: it, Outbox: out("1")}, engine.ErrConflict)
	b.equal("outbox", b.sent(), []string{"1"})
	b.equal("due", len(b.fired(now())), 0)
}

// timerFiresAgain: a timer whose handler failed comes back later.
func timerFiresAgain(b *bench) {
	l := b.claim(0)
	b.commit(&l, setTimers(0, 0, now(), "a"))
	fired := b.fired(now())
	it := engine.Item{Timer: &fired[0], StateKey: "k"}
	later := now().Add(time.Minute)
	b.commit(&engine.Lease{}, engine.Commit{Item: it, Again: later})
	b.equal("due", len(b.fired(now())), 0)
	b.equal("attempts", b.fired(later)[0].Attempts, 1)
}

// timersTogether: timers of several keys are settled by one commit, all of them or none.
func timersTogether(b *bench) {
	l := b.claim(0)
	keys := []string{"a", "b", "c"}
	for i, key := range keys {
		set := setTimers(int64(i), 0, now(), "t")
		set.Item, set.State.Key = item(int64(i), key), key
		b.commit(&l, set)
	}
	var commits []engine.Commit
	for _, f := range b.fired(now()) {
		commits = append(commits, engine.Commit{
			Item: engine.Item{Timer: &f, StateKey: f.Key}, Outbox: out(f.Key), Timers: &[]engine.TimerWrite{},
			State: &engine.StateWrite{Key: f.Key, Expect: 1, Data: []byte(`{"f":1}`)},
		})
	}
	b.equal("due", len(commits), len(keys))
	commits[1].State.Expect = 7
	if err := b.Store.Commit(b.t.Context(), engine.Lease{}, commits...); !errors.Is(err, engine.ErrConflict) {
		b.t.Fatalf("commit: %v", err)
	}
	b.equal("outbox", b.sent(), []string{})
	commits[1].State.Expect = 1
	commits[2].State, commits[2].Timers, commits[2].Again = nil, nil, now().Add(time.Minute)
	if err := b.Store.Commit(b.t.Context(), engine.Lease{}, commits...); err != nil {
		b.t.Fatal(err)
	}
	b.equal("outbox in the end", b.sent(), keys)
	again := b.fired(now().Add(time.Minute))
	b.equal("left", len(again), 1)
	b.equal("attempts", again[0].Attempts, 1)
}

// timerSeen: a timer that was settled since it was read was seen, and nothing is written of it.
func timerSeen(b *bench) {
	l := b.claim(0)
	b.commit(&l, setTimers(0, 0, now(), "a"))
	fired := b.fired(now())
	it := engine.Item{Timer: &fired[0], StateKey: "k"}
	v := b.view(it)
	b.equal("seen", v.Seen, false)
	b.equal("version", v.State.Version, 1)
	b.commit(&engine.Lease{}, engine.Commit{Item: it})
	b.equal("seen in the end", b.view(it).Seen, true)
	b.commit(&engine.Lease{}, engine.Commit{Item: it, Result: engine.Duplicate})
}

// anyBytes: a record is kept as it was, whatever its bytes are.
func anyBytes(b *bench) {
	l := b.claim(0)
	raw := []byte{0, 0xff, '\'', '\\', 0xc3, 0x28}
	headers := []event.Header{{Key: string(raw), Value: raw}, {Key: "empty"}, {Key: "empty", Value: []byte{}}}
	it := item(0, "k")
	it.Record.Headers, it.Record.Value = headers, raw
	b.commit(&l, engine.Commit{Item: it, Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}})
	parked := b.due(now())[0].Record
	dead := engine.Outgoing{Topic: "onex.dlq.shop.buy.v1", Key: string(raw), Headers: headers, Value: nil}
	b.commit(&l, engine.Commit{Item: item(1, "x"), Outbox: []engine.Outgoing{dead}})
	sent, err := b.Outbox(b.t.Context())
	b.equal("error", err, nil)
	for _, got := range []struct {
		headers    []event.Header
		value, raw []byte
	}{{parked.Headers, parked.Value, raw}, {sent[0].Headers, sent[0].Value, nil}} {
		b.equal("headers", len(got.headers), 3)
		if got.headers[0].Key != string(raw) || !bytes.Equal(got.headers[0].Value, raw) || !bytes.Equal(got.value, got.raw) {
			b.t.Fatalf("record came back as %q %q", got.headers, got.value)
		}
	}
	b.equal("key", sent[0].Key, string(raw))
}

package enginetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// batch: what is committed together is there together, the offset past the last of it.
func batch(b *bench) {
	l := b.claim(0)
	first, second, third := item(0, "k"), item(1, "x"), item(2, "k")
	err := b.Store.Commit(b.t.Context(), l,
		engine.Commit{Item: first, Inbox: true, Outbox: out("1")},
		engine.Commit{Item: second, Park: &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}},
		engine.Commit{Item: third, Inbox: true, Outbox: out("2")})
	b.equal("error", err, nil)
	views, err := b.Store.View(b.t.Context(), first, second, third)
	b.equal("error", err, nil)
	b.equal("views", views, []engine.View{{Seen: true}, {Behind: true}, {Seen: true}})
	b.equal("outbox", b.sent(), []string{"1", "2"})
	at, err := b.Store.Position(b.t.Context(), partition(0))
	b.equal("error", err, nil)
	b.equal("next", at.Next, 3)
}

// refusedBatch: one commit that is refused takes the others with it, be it for one of the same batch.
func refusedBatch(b *bench) {
	l := b.claim(0)
	known, fresh := item(0, "k"), item(1, "x")
	twin := fresh
	twin.Record.Offset = 2
	b.commit(&l, engine.Commit{Item: known, Inbox: true})
	for _, other := range []engine.Item{known, twin} {
		err := b.Store.Commit(b.t.Context(), l,
			engine.Commit{Item: fresh, Inbox: true, Outbox: out("1")}, engine.Commit{Item: other, Inbox: true, Outbox: out("2")})
		if !errors.Is(err, engine.ErrConflict) {
			b.t.Fatalf("commit: %v, want %v", err, engine.ErrConflict)
		}
	}
	b.equal("seen", b.view(fresh).Seen, false)
	b.equal("outbox", b.sent(), []string{})
	at, err := b.Store.Position(b.t.Context(), partition(0))
	b.equal("error", err, nil)
	b.equal("position", at, l)
}

// chain: commits of one batch may each write the state the one before it left; the last one stays.
func chain(b *bench) {
	l := b.claim(0)
	b.commit(&l, engine.Commit{Item: item(0, "old"), State: &engine.StateWrite{Key: "old", Machine: "a", Data: []byte("0")}})
	var commits []engine.Commit
	add := func(key string, expect int64) {
		n := int64(len(commits)) + 1
		commits = append(commits, engine.Commit{Item: item(n, key), Inbox: true, Outbox: out(fmt.Sprint(n)), State: &engine.StateWrite{
			Key: key, Expect: expect, Machine: fmt.Sprint("m", n), Data: fmt.Append(nil, n),
		}})
	}
	add("old", 1)
	add("new", 0)
	add("old", 2)
	add("new", 1)
	add("once", 0)
	add("old", 3)
	b.equal("error", b.Store.Commit(b.t.Context(), l, commits...), nil)
	b.equal("old", b.view(item(7, "old")).State, engine.Stored{Version: 4, Machine: "m6", Data: []byte("6")})
	b.equal("new", b.view(item(7, "new")).State, engine.Stored{Version: 2, Machine: "m4", Data: []byte("4")})
	b.equal("once", b.view(item(7, "once")).State, engine.Stored{Version: 1, Machine: "m5", Data: []byte("5")})
	b.equal("outbox", b.sent(), []string{"1", "2", "3", "4", "5", "6"})
}

// brokenChain: a chain that does not begin at what is stored, or has a gap, is refused as a whole.
func brokenChain(b *bench) {
	l := b.claim(0)
	b.commit(&l, engine.Commit{Item: item(0, "k"), State: &engine.StateWrite{Key: "k", Data: []byte("0")}})
	for _, versions := range [][]int64{{0, 1}, {2, 3}, {1, 1}, {1, 3}, {1, 0}, {7}} {
		commits := []engine.Commit{{Item: item(1, "x"), Inbox: true, Outbox: out("1"), State: &engine.StateWrite{Key: "x", Data: []byte("x")}}}
		for i, expect := range versions {
			commits = append(commits, engine.Commit{Item: item(int64(i)+2, "k"), Inbox: true, State: &engine.StateWrite{Key: "k", Expect: expect, Data: []byte("1")}})
		}
		if err := b.Store.Commit(b.t.Context(), l, commits...); !errors.Is(err, engine.ErrConflict) {
			b.t.Fatalf("commit of versions %v: %v, want %v", versions, err, engine.ErrConflict)
		}
	}
	missing := engine.Commit{Item: item(1, "none"), State: &engine.StateWrite{Key: "none", Expect: 1, Data: []byte("1")}}
	b.refuse(l, missing, engine.ErrConflict)
	b.equal("key that is not there", b.view(item(1, "none")), engine.View{})
	b.equal("state", b.view(item(1, "k")).State, engine.Stored{Version: 1, Data: []byte("0")})
	b.equal("other state", b.view(item(1, "x")).State, engine.Stored{})
	b.equal("outbox", b.sent(), []string{})
}

// large: a batch of the size a worker settles, each kind of write in it.
func large(b *bench) {
	const size = 500
	l := b.claim(0)
	later := now().Add(time.Hour)
	var commits []engine.Commit
	var items []engine.Item
	want := []string{}
	for n := range int64(size) {
		it := item(n, fmt.Sprint("k", (n*7919)%size)) // not sorted
		c := engine.Commit{Item: it}
		switch n % 3 {
		case 0:
			c.Inbox, c.Outbox = true, append(out(fmt.Sprint(n)), out(fmt.Sprint(n, "b"))...)
			c.State = &engine.StateWrite{Key: it.StateKey, Machine: "on", Data: fmt.Append(nil, n)}
			want = append(want, fmt.Sprint(n), fmt.Sprint(n, "b"))
		case 1:
			c.Park = &engine.Park{Reason: engine.Retry, Attempts: int(n), Since: now(), Next: later}
			c.Err = errors.New("no")
		case 2:
			c.Result = engine.Duplicate
		}
		commits, items = append(commits, c), append(items, it)
	}
	b.equal("error", b.Store.Commit(b.t.Context(), l, commits...), nil)
	views, err := b.Store.View(b.t.Context(), items...)
	b.equal("error", err, nil)
	for n, v := range views {
		wanted := engine.View{Behind: n%3 == 1}
		if n%3 == 0 {
			wanted = engine.View{Seen: true, State: engine.Stored{Version: 1, Machine: "on", Data: fmt.Append(nil, n)}}
		}
		b.equal(fmt.Sprint("view ", n), v, wanted)
	}
	b.equal("outbox", b.sent(), want)
	due := b.due(later)
	for i, d := range due {
		b.equal("parked in order", d.Record.Offset, 3*i+1)
		b.equal("attempts", d.Attempts, 3*i+1)
	}
	b.equal("due at once", len(b.due(now())), 0)
}

// parkedBatch: parked records are settled together like fetched ones, and what follows each is woken.
func parkedBatch(b *bench) {
	l := b.claim(0)
	later := now().Add(time.Minute)
	var commits []engine.Commit
	for n, key := range []string{"a", "b", "c", "a", "b", "c"} {
		p := &engine.Park{Reason: engine.Behind, Since: now()}
		if n < 3 {
			p = &engine.Park{Reason: engine.Retry, Attempts: 1, Since: now(), Next: now()}
		}
		commits = append(commits, engine.Commit{Item: item(int64(n), key), Park: p})
	}
	b.equal("error", b.Store.Commit(b.t.Context(), l, commits...), nil)
	l.Next = 6
	due := b.due(now())
	b.equal("due", len(due), 3)
	settle := []engine.Commit{{Item: item(6, "x"), Inbox: true}}
	for i, d := range due {
		it := item(d.Record.Offset, d.Record.Key)
		it.Record, it.Parked = d.Record, &due[i]
		c := engine.Commit{Item: it, Inbox: true, Outbox: out(d.Record.Key)}
		if d.Record.Key == "b" {
			c = engine.Commit{Item: it, Park: &engine.Park{Reason: engine.Retry, Attempts: 2, Since: now(), Next: later}}
		}
		settle = append(settle, c)
	}
	twice := append([]engine.Commit{settle[1]}, settle...)
	if err := b.Store.Commit(b.t.Context(), l, twice...); !errors.Is(err, engine.ErrConflict) {
		b.t.Fatalf("a parked record that is settled twice: %v", err)
	}
	b.equal("error", b.Store.Commit(b.t.Context(), l, settle...), nil)
	var woken []string
	for _, d := range b.due(now()) {
		woken = append(woken, fmt.Sprint(d.Record.Key, d.Record.Offset))
	}
	b.equal("woken", woken, []string{"a3", "c5"})
	b.equal("outbox", b.sent(), []string{"a", "c"})
	at, err := b.Store.Position(b.t.Context(), partition(0))
	b.equal("error", err, nil)
	b.equal("next", at.Next, 7)
	if err := b.Store.Commit(b.t.Context(), l, settle[1]); !errors.Is(err, engine.ErrConflict) {
		b.t.Fatalf("a parked record that is gone: %v", err)
	}
}

// timerChain: commits of one key's chain set its timers one after the other.
func timerChain(b *bench) {
	l := b.claim(0)
	at := func(n int) time.Time { return now().Add(time.Duration(n) * time.Hour) }
	first := setTimers(0, 0, at(1), "kept", "gone", "again")
	b.commit(&l, first)
	batch := []engine.Commit{
		setTimers(1, 1, at(2), "kept", "new"), setTimers(2, 2, at(3), "kept", "new", "again"), setTimers(3, 3, at(4), "kept", "new", "again"),
	}
	b.equal("error", b.Store.Commit(b.t.Context(), l, batch...), nil)
	for n, want := range []int{0, 1, 2, 3, 3} {
		b.equal(fmt.Sprint("due after hours ", n), len(b.fired(at(n))), want)
	}
}

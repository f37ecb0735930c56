package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a Store that forgets everything with the process: for tests that drive the core without
// a database. It behaves like the real one under every call, but has no transaction that a Join could
// take part in: it calls none.
type Memory struct {
	mu     sync.Mutex
	leases map[Partition]Lease
	inbox  map[inboxKey]bool
	state  map[string]Stored
	parked []memoryParked // in order of ID
	timers []memoryTimer
	outbox []Outgoing
	lastID int64
}

var _ Store = (*Memory)(nil)

type inboxKey struct{ input, key string }

type memoryParked struct {
	Parked
	next time.Time
}

type memoryTimer struct {
	Fired
	due time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{leases: map[Partition]Lease{}, inbox: map[inboxKey]bool{}, state: map[string]Stored{}}
}

// Claim implements Store.
func (m *Memory) Claim(_ context.Context, p Partition) (Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[p]
	l.Partition = p
	l.Epoch++
	m.leases[p] = l
	return l, nil
}

// Position implements Store.
func (m *Memory) Position(_ context.Context, p Partition) (Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leases[p], nil
}

// View implements Store.
func (m *Memory) View(_ context.Context, items ...Item) ([]View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	views := make([]View, 0, len(items))
	for _, it := range items {
		views = append(views, m.view(it))
	}
	return views, nil
}

func (m *Memory) view(it Item) View {
	if it.Timer != nil {
		return View{Seen: !m.set(*it.Timer), State: m.state[it.StateKey]}
	}
	return View{
		Seen:   m.inbox[inboxKey{it.Event.Type.String(), it.IdempotencyKey}],
		Behind: m.waits(it.Record),
		State:  m.state[it.StateKey],
	}
}

func sameQueue(a, b Record) bool { return a.Topic == b.Topic && a.Key == b.Key }

// Commit implements Store.
func (m *Memory) Commit(_ context.Context, l Lease, commits ...Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen, settled := map[inboxKey]bool{}, map[int64]bool{}
	versions := map[string]int64{} // of states that were written
	for _, c := range commits {
		if err := m.check(l, c); err != nil {
			return err
		}
		if w := c.State; w != nil {
			version, written := versions[w.Key]
			if !written {
				version = m.state[w.Key].Version
			}
			if version != w.Expect {
				return ErrConflict
			}
			versions[w.Key] = version + 1
		}
		key := inboxKey{c.Item.Event.Type.String(), c.Item.IdempotencyKey}
		if c.Inbox && seen[key] || c.Item.Parked != nil && settled[c.Item.Parked.ID] {
			return ErrConflict
		}
		seen[key] = seen[key] || c.Inbox
		if c.Item.Parked != nil {
			settled[c.Item.Parked.ID] = true
		}
	}
	for _, c := range commits {
		m.write(l, c)
	}
	m.outbox = append(m.outbox, Sends(commits)...)
	return nil
}

func (m *Memory) write(l Lease, c Commit) {
	if c.Item.Timer == nil && c.Item.Parked == nil {
		l.Next = c.Item.Next()
		m.leases[l.Partition] = l
	}
	if c.Inbox {
		m.inbox[inboxKey{c.Item.Event.Type.String(), c.Item.IdempotencyKey}] = true
	}
	m.settleParked(c)
	m.settleTimer(c)
	if c.State != nil {
		m.writeState(c)
	}
}

func (m *Memory) check(l Lease, c Commit) error {
	if c.Item.Timer == nil {
		held := m.leases[l.Partition]
		if held.Epoch != l.Epoch || c.Item.Parked == nil && held.Next != l.Next {
			return ErrFenced
		}
	}
	if p := c.Item.Parked; p != nil && !slices.ContainsFunc(m.parked, func(q memoryParked) bool {
		return q.ID == p.ID && q.Attempts == p.Attempts
	}) {
		return ErrConflict
	}
	if t := c.Item.Timer; t != nil && c.Result != Duplicate && !m.set(*t) {
		return ErrConflict
	}
	if c.Inbox && m.inbox[inboxKey{c.Item.Event.Type.String(), c.Item.IdempotencyKey}] {
		return ErrConflict
	}
	return nil
}

// set reports whether a timer is as it was read.
func (m *Memory) set(f Fired) bool {
	return slices.ContainsFunc(m.timers, func(q memoryTimer) bool { return q.Fired == f })
}

func (m *Memory) settleParked(c Commit) {
	switch p := c.Item.Parked; {
	case c.Park != nil && p == nil:
		m.lastID++
		next := c.Park.Next
		if c.Park.Reason == Behind && !m.waits(c.Item.Record) {
			next = time.Unix(0, 1)
		}
		m.parked = append(m.parked, memoryParked{next: next, Parked: Parked{
			ID: m.lastID, Record: c.Item.Record, Reason: c.Park.Reason, Attempts: c.Park.Attempts, Since: c.Park.Since,
		}})
	case c.Park != nil:
		i := slices.IndexFunc(m.parked, func(q memoryParked) bool { return q.ID == p.ID })
		q := &m.parked[i]
		q.Reason, q.Attempts, q.Since, q.next = c.Park.Reason, c.Park.Attempts, c.Park.Since, c.Park.Next
	case p != nil:
		m.parked = slices.DeleteFunc(m.parked, func(q memoryParked) bool { return q.ID == p.ID })
		if i := slices.IndexFunc(m.parked, func(q memoryParked) bool { return sameQueue(q.Record, p.Record) }); i >= 0 {
			m.parked[i].next = time.Unix(0, 1)
		}
	}
}

// waits reports whether a record of the topic and key of r is parked.
func (m *Memory) waits(r Record) bool {
	return slices.ContainsFunc(m.parked, func(p memoryParked) bool { return sameQueue(p.Record, r) })
}

func (m *Memory) settleTimer(c Commit) {
	t := c.Item.Timer
	if t == nil || c.Result == Duplicate {
		return
	}
	i := slices.IndexFunc(m.timers, func(q memoryTimer) bool { return q.Key == t.Key && q.Name == t.Name })
	if c.Again.IsZero() {
		m.timers = slices.Delete(m.timers, i, i+1)
		return
	}
	m.timers[i].Attempts++
	m.timers[i].due = c.Again
}

func (m *Memory) writeState(c Commit) {
	w := c.State
	m.state[w.Key] = Stored{Version: w.Expect + 1, Machine: w.Machine, Data: w.Data}
	for i := range m.parked {
		if m.parked[i].Reason == Early && m.parked[i].Record.Key == w.Key {
			m.parked[i].next = time.Unix(0, 1)
		}
	}
	if c.Timers != nil {
		m.setTimers(w.Key, *c.Timers)
	}
}

func (m *Memory) setTimers(key string, writes []TimerWrite) {
	m.timers = slices.DeleteFunc(m.timers, func(t memoryTimer) bool {
		return t.Key == key && !strings.HasPrefix(t.Name, AskPrefix) && !slices.ContainsFunc(writes, func(w TimerWrite) bool { return w.Name == t.Name })
	})
	for _, w := range writes {
		if !slices.ContainsFunc(m.timers, func(t memoryTimer) bool { return t.Key == key && t.Name == w.Name }) {
			m.timers = append(m.timers, memoryTimer{Fired{Key: key, Name: w.Name, Cause: w.Cause}, w.Due})
		}
	}
}

// DueParked implements Store.
func (m *Memory) DueParked(_ context.Context, p Partition, now time.Time, limit int) ([]Parked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []Parked
	for i, q := range m.parked {
		mine := q.Record.Topic == p.Topic && q.Record.Partition == p.Number
		first := !slices.ContainsFunc(m.parked[:i], func(e memoryParked) bool { return sameQueue(e.Record, q.Record) })
		if mine && first && !q.next.IsZero() && !q.next.After(now) && len(due) < limit {
			due = append(due, q.Parked)
		}
	}
	return due, nil
}

// Behind implements Store.
func (m *Memory) Behind(_ context.Context, first Parked, limit int) ([]Parked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var behind []Parked
	for _, q := range m.parked {
		switch {
		case !sameQueue(q.Record, first.Record) || q.ID <= first.ID:
			continue
		case q.Record.Partition != first.Record.Partition || len(behind) == limit:
			return behind, nil
		}
		behind = append(behind, q.Parked)
	}
	return behind, nil
}

// Due implements Store.
func (m *Memory) Due(_ context.Context, now time.Time, of []Partition) (due Due, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	later := func(at time.Time) {
		if at.After(now) && (due.Next.IsZero() || at.Before(due.Next)) {
			due.Next = at
		}
	}
	for _, p := range of {
		waits := false
		for _, q := range m.parked {
			if q.Record.Topic != p.Topic || q.Record.Partition != p.Number {
				continue
			}
			later(q.next)
			waits = waits || !q.next.IsZero() && !q.next.After(now)
		}
		if waits {
			due.Partitions = append(due.Partitions, p)
		}
	}
	for _, t := range m.timers {
		later(t.due)
	}
	return due, nil
}

// DueTimers implements Store.
func (m *Memory) DueTimers(_ context.Context, now time.Time, limit int) ([]Fired, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []Fired
	for _, t := range m.timers {
		if !t.due.After(now) && len(due) < limit {
			due = append(due, t.Fired)
		}
	}
	return due, nil
}

// Outbox returns what was committed for sending, in order.
func (m *Memory) Outbox() []Outgoing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.outbox)
}

// State returns the state of a key.
func (m *Memory) State(key string) Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state[key]
}

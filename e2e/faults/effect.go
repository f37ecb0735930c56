package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// sink is the outside world: it takes side effects and tells by their idempotency key which it had.
type sink struct {
	server *http.Server
	url    string

	mu    sync.Mutex
	keys  map[string]string          // what each idempotency key was for
	of    map[string]map[string]bool // the keys that came for each event
	order map[string]int             // which of all calls was an event's first
	calls int
}

func startSink(ctx context.Context) (*sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + l.Addr().String(), keys: map[string]string{}, of: map[string]map[string]bool{}, order: map[string]int{}}
	s.server = &http.Server{Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(l) }() // ends with Close
	return s, nil
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	key := r.Header.Get("Idempotency-Key")
	if err != nil || key == "" {
		http.Error(w, "no idempotency key", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.keys[key] = string(body)
	if s.of[string(body)] == nil {
		s.of[string(body)], s.order[string(body)] = map[string]bool{}, s.calls
	}
	s.of[string(body)][key] = true
}

func (s *sink) count() (events, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of), s.calls
}

// once is the run of R6.
type once struct {
	h     *harness
	bus   *bus
	sink  *sink
	proxy *proxy
	node  string
	sent  int // events
	twice int // of them delivered twice
	kills int
	cuts  int
}

// effectOnce is R6.
func effectOnce(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	o := &once{h: h, bus: b, node: h.name("payer")}
	if o.sink, err = startSink(ctx); err != nil {
		return "", err
	}
	defer func() { _ = o.sink.server.Close() }()
	if o.proxy, err = newProxy(ctx, h.DatabaseAddr); err != nil {
		return "", err
	}
	defer o.proxy.close()
	o.proxy.delay.Store(int64(time.Millisecond))
	ask := roles.Ask(o.node, "ask")
	if err := b.create(ctx, ask); err != nil {
		return "", err
	}
	if err := h.prepare(ctx, o.node); err != nil {
		return "", err
	}
	if err := o.send(ctx, ask, pick(h, 4_000, 100_000)); err != nil {
		return "", err
	}
	if err := o.work(ctx); err != nil {
		return "", err
	}
	return o.judge(ctx, ask)
}

// send produces the events; one of twenty comes a second time, some records later.
func (o *once) send(ctx context.Context, ask event.Topic, n int) error {
	var inputs, later []input
	for i := range n {
		key := fmt.Sprintf("k%d", i%500)
		in := input{key, roles.Number{N: i / 500}, o.h.rootID(ask, key, i/500)}
		inputs = append(inputs, in)
		if o.h.random.IntN(20) == 0 {
			later = append(later, in)
			o.twice++
		}
		if len(later) > 0 && o.h.random.IntN(10) == 0 {
			inputs, later = append(inputs, later...), nil
		}
	}
	o.sent = n
	return o.bus.produce(ctx, ask, append(inputs, later...)...)
}

// work runs one life of the process after the other until every event took effect and was answered.
// Each but the last ends itself between a side effect and its commit.
func (o *once) work(ctx context.Context) error {
	most := pick(o.h, 8, 60)
	var p *proc
	for told := time.Now(); ; {
		if p == nil || p.ended() {
			if p != nil {
				if err := p.broken(); err != nil {
					return err
				}
				o.kills++
				p.kill()
			}
			var err error
			if p, err = o.life(ctx, o.kills < most); err != nil {
				return err
			}
		}
		events, calls := o.sink.count()
		answered, waiting, err := o.h.answered(ctx, o.node)
		if err != nil {
			return err
		}
		if events == o.sent && answered == o.sent && waiting == 0 {
			p.kill()
			return nil
		}
		if o.h.random.IntN(100) == 0 {
			o.cuts += o.proxy.cut()
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			o.h.logf("%d of %d events took effect in %d calls, %d answered, %d kills", events, o.sent, calls, answered, o.kills)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func (o *once) life(ctx context.Context, dies bool) (*proc, error) {
	r := roles.Role{Name: o.node, Kind: onex.Effect, Inputs: []event.Topic{roles.Ask(o.node, "ask")}, Sink: o.sink.url}
	if dies {
		share := int64(o.sent / pick(o.h, 8, 60))
		r.DieAt = 1 + o.h.random.Int64N(share)
	}
	return o.h.launch(ctx, spec{role: r, database: o.proxy.addr()})
}

func (o *once) judge(ctx context.Context, ask event.Topic) (string, error) {
	o.sink.mu.Lock()
	for body, keys := range o.sink.of {
		if len(keys) != 1 {
			o.sink.mu.Unlock()
			return "", violatedf("event %s came with %d idempotency keys: %v", body, len(keys), keys)
		}
	}
	distinctKeys, calls := len(o.sink.keys), o.sink.calls
	o.sink.mu.Unlock()
	if distinctKeys != o.sent {
		return "", violatedf("%d idempotency keys for %d events", distinctKeys, o.sent)
	}
	answers, err := o.bus.read(ctx, roles.Out(o.node).String(), true)
	if err != nil {
		return "", err
	}
	want := map[string][]string{}
	for i := range o.sent {
		key := fmt.Sprintf("k%d", i%500)
		want[key] = append(want[key], derived(o.h.rootID(ask, key, i/500), o.node))
	}
	resent, err := checkSequence("answers", answers, want)
	if err != nil {
		return "", err
	}
	again := calls - o.sent
	if o.kills == 0 || o.twice == 0 || again == 0 || o.proxy.delayed.Load() == 0 {
		return "", fmt.Errorf("%d kills, %d doubled deliveries, %d repeated calls: nothing is proved", o.kills, o.twice, again)
	}
	return fmt.Sprintf("%d events, %d delivered twice, %d kills between side effect and commit, %d connections to Postgres cut, each piece 1 ms late: "+
		"each idempotency key effective exactly once, 0 missing; %d calls repeated under the same key, %.1f for each kill; %d resent answers, recognised",
		o.sent, o.twice, o.kills, o.cuts, again, float64(again)/float64(o.kills), resent), nil
}

// answered returns how many inputs a node has committed, and how many of its messages wait.
func (h *harness) answered(ctx context.Context, node string) (handled, waiting int, err error) {
	err = h.database(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]q.inbox), (SELECT count(*) FROM %[1]q.outbox)`,
			provision.Schema(node))).Scan(&handled, &waiting)
	})
	return handled, waiting, err
}

// size returns how many offsets of a topic are taken.
func (b *bus) size(ctx context.Context, topic string) (int64, error) {
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, o := range ends[topic] {
		if o.Err != nil {
			return 0, o.Err
		}
		sum += o.Offset
	}
	return sum, nil
}

package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
)

// TestTransact: a transaction whose transform fails, or of which something is refused for now, is not
// consumed; one that succeeds is consumed once.
func TestTransact(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	s.send(t, cl, 1)
	broken := errors.New("broken")
	err := cl.Transact(t.Context(), t.Context(), s.member("a"), func(context.Context, []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		return [][]engine.Outgoing{{out(s.answers, "k", "never")}}, nil, broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("broken transform: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries, done := 0, 0
	err = cl.Transact(ctx, t.Context(), s.member("a"), func(_ context.Context, inputs []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		to := s.answers
		if tries++; tries == 1 {
			to = s.topic + ".nowhere"
		}
		return [][]engine.Outgoing{{out(s.answers, "k", "a"), out(to, "k", string(inputs[0].Value))}}, func() {
			done++
			cancel()
		}, nil
	})
	if err != nil || tries != 2 || done != 1 {
		t.Errorf("%d tries, %d committed: %v", tries, done, err)
	}
	if got := s.committed(t, s.answers, 2); !slices.Equal(got, []string{"a", "0"}) {
		t.Errorf("committed %v", got)
	}
}

// TestCommitTakenForAnAbortIsNotRepeated: a transaction is committed, and what the client hears of it is that it
// must abort, as the second try hears whose first lost its answer. The session ends, and the next one goes on
// behind the transaction.
func TestCommitTakenForAnAbortIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := newSiteOn(t, strings.Join(c.ListenAddrs(), ","), 1)
	cl := s.open(t)
	s.send(t, cl, 3)
	direct, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	misled := false
	c.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.EndTxnRequest) //nolint:forcetypeassert // that of the key
		if misled || !req.Commit {
			return nil, nil, false
		}
		misled = true
		c.SleepControl(func() {
			if res, err := req.RequestWith(t.Context(), direct); err != nil || res.ErrorCode != 0 {
				t.Errorf("commit: %v %+v", err, res)
			}
		})
		res := req.ResponseKind().(*kmsg.EndTxnResponse) //nolint:forcetypeassert // that of an EndTxn request
		res.ErrorCode = kerr.TransactionAbortable.Code
		return res, nil, true
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := func(_ context.Context, inputs []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		outs := make([][]engine.Outgoing, len(inputs))
		for i, in := range inputs {
			outs[i] = []engine.Outgoing{out(s.answers, "k", string(in.Value))}
		}
		return outs, cancel, nil
	}
	if err := cl.Transact(ctx, t.Context(), s.member("a"), answer); err == nil || !strings.Contains(err.Error(), "not aborted") {
		t.Errorf("first session: %v", err)
	}
	s.send(t, cl, 1)
	if err := cl.Transact(ctx, t.Context(), s.member("a"), answer); err != nil {
		t.Errorf("second session: %v", err)
	}
	if got := s.committed(t, s.answers, 4); !slices.Equal(got, []string{"0", "1", "2", "0"}) {
		t.Errorf("committed %v", got)
	}
}

// TestTransactTellsTheCulprit: of many inputs the one whose output is too large is found and told, and
// the others are committed once and in order. What stands in for it may be refused once more.
func TestTransactTellsTheCulprit(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.configure(t, s.answers, "max.message.bytes", "5000")
	cl := s.open(t)
	const n, culprit = 40, 17
	noise := "" // does not become smaller by compression
	for len(noise) < 20_000 {
		noise += rand.Text()
	}
	s.send(t, cl, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	handled, refusals := 0, []int{}
	err := cl.Transact(ctx, t.Context(), s.member("a"), func(_ context.Context, inputs []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		outs := make([][]engine.Outgoing, len(inputs))
		for i, in := range inputs {
			value := string(in.Value)
			if in.Offset == culprit && in.Refusals < 2 {
				value = noise
			}
			if in.Refused != nil {
				refusals = append(refusals, in.Refusals)
			}
			outs[i] = []engine.Outgoing{out(s.answers, "k", value)}
		}
		return outs, func() {
			mu.Lock()
			defer mu.Unlock()
			if handled += len(inputs); handled == n {
				cancel()
			}
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for i := range n {
		wanted = append(wanted, fmt.Sprint(i))
	}
	if got := s.committed(t, s.answers, n); !slices.Equal(got, wanted) {
		t.Errorf("committed %.200q", got)
	}
	if !slices.Equal(refusals, []int{1, 2}) {
		t.Errorf("the culprit was told %v", refusals)
	}
}

// watcher is told what happens to a membership.
type watcher struct {
	mu   sync.Mutex
	lost int64
}

func (w *watcher) Rebalanced()      {}
func (w *watcher) Transaction(bool) {}
func (w *watcher) Waiting(error)    {}
func (w *watcher) Lost(_ string, _ int32, records int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost += records
}

// TestDeletedRecordsAreTold: where the log begins after what was handled, consumption goes on at its
// begin, and what was deleted in between is told, before a session and during one.
func TestDeletedRecordsAreTold(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	s.send(t, cl, 10)
	w := &watcher{}
	k := s.newTaken()
	k.next[0] = 2
	s.deleteRecords(t, 7)
	m := s.member("a")
	m.Observer, m.Progress = w, &kafka.Progress{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cl.Consume(ctx, m, k) }()
	k.await(t, 3)
	if k.values[0] != "7" || w.lost != 5 {
		t.Errorf("continued with %v, told of %d lost records, want 5", k.values, w.lost)
	}
	behind := m.Progress.Behind(time.Now())
	if len(behind) != 1 || behind[0].Records != 0 {
		t.Errorf("behind: %+v", behind)
	}
	k.flow(true)
	s.send(t, cl, 4)
	if err := cl.Refresh(t.Context(), m.Progress); err != nil {
		t.Fatal(err)
	}
	if behind = m.Progress.Behind(time.Now()); behind[0].Records != 4 {
		t.Errorf("paused and behind: %+v", behind)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if behind = m.Progress.Behind(time.Now()); len(behind) != 0 {
		t.Errorf("after the session: %+v", behind)
	}
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
)

// cable connects a store with the server until it is cut.
type cable struct {
	mu    sync.Mutex
	conns []net.Conn
	off   bool
}

func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.off {
		err = errors.Join(net.ErrClosed, conn.Close())
	}
	if err != nil {
		return nil, err
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// TestLeaderIsCutOff: a leader that cannot reach the database stops before another follows, which is
// at most three seconds later on a machine that has time for it.
func TestLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	var wire cable
	leader, err := postgres.Open(t.Context(), postgres.Config{URL: roleURL, Group: "onex.test", Instance: "first", Dial: wire.dial})
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	standby := open(t, roleURL)
	leads, stopped, followed := make(chan struct{}), make(chan time.Time, 1), make(chan time.Time, 1)
	ended := make(chan error, 2)
	go func() {
		ended <- leader.Lead(t.Context(), func(ctx context.Context, _ engine.Queue) error {
			close(leads)
			<-ctx.Done()
			stopped <- time.Now()
			return ctx.Err()
		})
	}()
	<-leads
	go func() {
		ended <- standby.Lead(t.Context(), func(context.Context, engine.Queue) error {
			followed <- time.Now()
			return nil
		})
	}()
	cut := time.Now()
	wire.cut()
	first, next := <-stopped, <-followed
	if next.Before(first) {
		t.Errorf("the next leader began %s before the last one stopped", first.Sub(next))
	}
	gap := next.Sub(cut)
	t.Logf("nobody was in charge for %s", gap)
	if gap > 10*time.Second { // a machine that is busy with other tests may take its time
		t.Error("that is too long")
	}
	if err := errors.Join(<-ended, <-ended); err == nil || !strings.Contains(err.Error(), "could not be renewed") {
		t.Errorf("leader that was cut off: %v", err)
	}
}

// TestOvertakenLeader: what belongs to a term is refused once there is a later one.
func TestOvertakenLeader(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	s, standby := open(t, roleURL), open(t, roleURL)
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), l, engine.Commit{Outbox: []engine.Outgoing{{Topic: "t", Key: "k"}}}); err != nil {
		t.Fatal(err)
	}
	err = s.Lead(t.Context(), func(ctx context.Context, q engine.Queue) error {
		queued, _, err := q.Next(ctx, engine.Except{}, 10)
		if err != nil || len(queued) != 1 {
			return fmt.Errorf("outbox has %d records: %w", len(queued), err)
		}
		admin(t, fmt.Sprintf(`UPDATE %q.relay SET expires_at = '-infinity'`, provision.Schema(node))) // time passes
		var left postgres.Depths
		if err := standby.Lead(ctx, func(ctx context.Context, _ engine.Queue) error {
			outdated := map[string]error{
				"delete": q.Delete(ctx, []int64{queued[0].ID}),
				"tick":   q.Tick(ctx, "hourly", engine.Tick{}, engine.Tick{Spec: "every 1h0m0s", At: time.Now()}, nil),
			}
			_, _, outdated["next"] = q.Next(ctx, engine.Except{}, 10)
			_, outdated["read"] = q.Read(ctx, []int64{queued[0].ID})
			_, outdated["sweep"] = q.Sweep(ctx, nil)
			for what, err := range outdated {
				if !errors.Is(err, engine.ErrFenced) {
					t.Errorf("%s of an earlier term: %v", what, err)
				}
			}
			var err error
			left, err = standby.Depths(ctx)
			return err
		}); err != nil {
			return err
		}
		if left.Outbox != 1 || left.Oldest <= 0 {
			return fmt.Errorf("%+v are left", left)
		}
		<-ctx.Done() // the renewal finds out
		return context.Cause(ctx)
	})
	if err == nil || !strings.Contains(err.Error(), "another process relays the outbox") {
		t.Errorf("overtaken leader: %v", err)
	}
}

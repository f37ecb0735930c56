package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/engine/enginetest"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
	"github.com/omninode-ai/omninode/onex/registry"
)

var adminURL string //nolint:gochecknoglobals // set once by TestMain

func TestMain(m *testing.M) {
	server, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a test's main
	}
	adminURL = server.URL()
	code := m.Run()
	if err := errors.Join(server.Stop(), goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // a test's main
}

// migrated returns a node name of the test's own and the URL of its role.
func migrated(t testing.TB) (node, roleURL string) {
	t.Helper()
	node = "node-" + strings.ToLower(rand.Text()[:10])
	_, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: adminURL, Nodes: []string{node}, Direction: provision.Up})
	if err != nil {
		t.Fatal(err)
	}
	admin(t, fmt.Sprintf(`ALTER ROLE %q LOGIN PASSWORD 'test'`, provision.Schema(node)))
	u, err := url.Parse(adminURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(provision.Schema(node), "test")
	return node, u.String()
}

func admin(t testing.TB, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), adminURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, roleURL string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: roleURL, Group: "onex.test", Instance: "a", MaxConns: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	enginetest.Exercise(t, func(t *testing.T) enginetest.Subject {
		_, roleURL := migrated(t)
		s := open(t, roleURL)
		return enginetest.Subject{Store: s, Outbox: func(ctx context.Context) (sent []engine.Outgoing, err error) {
			err = s.Lead(ctx, func(ctx context.Context, q engine.Queue) error {
				queued, _, err := q.Next(ctx, engine.Except{}, 1000)
				for _, r := range queued {
					sent = append(sent, r.Record)
				}
				return err
			})
			return sent, err
		}}
	})
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Fatalf("schema that was just migrated: %v", err)
	}
	node, roleURL := migrated(t)
	admin(t, fmt.Sprintf(`DELETE FROM %q.goose_db_version WHERE version_id = (SELECT max(version_id) FROM %[1]q.goose_db_version)`, provision.Schema(node)))
	err := open(t, roleURL).CheckSchema(t.Context())
	outdated, ok := errors.AsType[*postgres.SchemaError](err)
	if !ok || outdated.Have >= outdated.Want || !strings.Contains(err.Error(), "omninode migrate up") {
		t.Errorf("outdated schema: %v", err)
	}
	_, wrong, _ := strings.Cut(roleURL, "@")
	err = open(t, "postgres://"+provision.Schema(node)+":wrong@"+wrong).CheckSchema(t.Context())
	if err == nil || !postgres.Refused(err) || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestOpenHidesPassword(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://me:hunter2@[bad"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open: %v", err)
	}
}

func registration(node, id string) (registry.Registration, registry.Facts) {
	return registry.Registration{Service: node, ID: id, Address: "127.0.0.1", Port: 1},
		registry.Facts{NodeType: "effect", Version: "1.0.0", EventsConsumed: []string{"a/b.v1"}}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	s := open(t, roleURL)
	r, facts := registration(node, node+"-1")
	first, err := s.UpsertRegistration(t.Context(), r, facts, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), r.ID, first, time.Minute); err != nil {
		t.Errorf("renew: %v", err)
	}
	second, err := s.UpsertRegistration(t.Context(), r, facts, time.Minute)
	if err != nil || second <= first {
		t.Fatalf("second epoch %d after %d: %v", second, first, err)
	}
	if err := s.Renew(t.Context(), r.ID, first, time.Minute); !errors.Is(err, postgres.ErrSuperseded) {
		t.Errorf("renew of a superseded registration: %v", err)
	}
	if err := s.Release(t.Context(), r.ID, first); !errors.Is(err, postgres.ErrSuperseded) {
		t.Errorf("release of a superseded registration: %v", err)
	}
	if err := s.Release(t.Context(), r.ID, second); err != nil {
		t.Errorf("release: %v", err)
	}
}

// TestRegistrationOfOthers: a role cannot write another node's row.
func TestRegistrationOfOthers(t *testing.T) {
	t.Parallel()
	victim, victimURL := migrated(t)
	r, facts := registration(victim, victim+"-1")
	epoch, err := open(t, victimURL).UpsertRegistration(t.Context(), r, facts, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, roleURL := migrated(t)
	intruder := open(t, roleURL)
	if _, err := intruder.UpsertRegistration(t.Context(), r, facts, time.Minute); !postgres.Refused(err) {
		t.Errorf("take over another node's registration: %v", err)
	}
	if err := intruder.Release(t.Context(), r.ID, epoch); !errors.Is(err, postgres.ErrSuperseded) {
		t.Errorf("release another node's registration: %v", err)
	}
}

// TestLead: one process relays at a time; the next one takes over when it ends, and is woken by
// commits of other processes.
func TestLead(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	leader, standby := open(t, roleURL), open(t, roleURL)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	leads, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- leader.Lead(ctx, func(context.Context, engine.Queue) error {
			close(leads)
			<-end
			return nil
		})
	}()
	<-leads
	short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	if err := standby.Lead(short, func(context.Context, engine.Queue) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second leader: %v", err)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	err := standby.Lead(ctx, func(ctx context.Context, q engine.Queue) error {
		l, err := leader.Claim(ctx, engine.Partition{Topic: "t"})
		if err != nil {
			return err
		}
		out := engine.Outgoing{Topic: "t", Key: "k", Value: []byte("v")}
		start := time.Now()
		if err := leader.Commit(ctx, l, engine.Commit{Outbox: []engine.Outgoing{out}}); err != nil {
			return err
		}
		if err := q.Wait(ctx, nil, 20*time.Second); err != nil || time.Since(start) > 10*time.Second {
			return fmt.Errorf("was not woken: %w", err)
		}
		queued, _, err := q.Next(ctx, engine.Except{}, 10)
		if err != nil || len(queued) != 1 {
			return fmt.Errorf("outbox has %d records: %w", len(queued), err)
		}
		if err := q.Delete(ctx, []int64{queued[0].ID}); err != nil {
			return err
		}
		left, err := leader.Depths(ctx)
		if err != nil || left != (postgres.Depths{}) {
			return fmt.Errorf("%+v are left: %w", left, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

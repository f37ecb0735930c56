// Package postgres keeps what a node's delivery must not forget, in the node's own schema: it
// implements engine.Store and engine.Outbox on the tables of migrations/node, and writes the node's
// row of the fleet's registrations.
//
// A commit is one implicit transaction in one round trip: its first statement is the fence, a
// compare-and-swap of the partition's offset under the epoch of the claim; what follows is guarded
// the same way, so that nothing of it happens if anything was overtaken.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Config opens a Store. URL, Group and Instance are required.
type Config struct {
	URL      string // of the node's role, whose search path is the node's schema
	Group    string // consumer group whose offsets are kept
	Instance string // who claims, for people
	MaxConns int32  // 0: 6
	Schema   string // in place of the search path of the URL's role: for people who act for a node

	// InboxRetention is how long it is remembered what was handled; 0: DefaultInboxRetention.
	InboxRetention time.Duration

	// Dial opens connections; nil dials the URL's host.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Refused is told that the server did not accept the user or the password; nil: nobody is. It must not block.
	Refused func()
}

const (
	connectTimeout = 5 * time.Second

	// Bounds of the server: a process that stops in the middle must not hold a row for longer than
	// its group takes to hand its partitions on.
	idleInTransaction = 5 * time.Second
	lockTimeout       = 5 * time.Second
	statementTimeout  = 10 * time.Second

	// A host that vanished leaves connections behind: idle time and interval of the questions whether it is
	// there, three of which end one.
	keepaliveSeconds = "5"
)

// Store is a node's schema. It is safe for concurrent use.
type Store struct {
	pool     *pgxpool.Pool
	group    string
	instance string
	leading  atomic.Bool // this process relays the outbox: it need not notify itself

	floor atomic.Int64 // of the outbox, as long as this process relays it

	clock atomic.Pointer[clock]

	retention time.Duration // of the inbox

	config Config
	login  atomic.Pointer[login]
}

var (
	_ engine.Store  = (*Store)(nil)
	_ engine.Outbox = (*Store)(nil)
)

// Open prepares a pool of connections. It does not wait for the server: Ping does.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{group: c.Group, instance: c.Instance, retention: cmp.Or(c.InboxRetention, DefaultInboxRetention), config: c}
	pc, err := c.pool(c.URL)
	if err != nil {
		return nil, err
	}
	s.login.Store(loginOf(c.URL, pc.ConnConfig))
	pc.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		s.login.Load().use(cc)
		return nil
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return s, nil
}

// pool returns how connections are made by a URL.
func (c Config) pool(url string) (*pgxpool.Config, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse database url: %w", redact(err))
	}
	pc.MaxConns = cmp.Or(c.MaxConns, 6)
	pc.MaxConnIdleTime = time.Minute
	pc.AfterConnect = learn
	cc := pc.ConnConfig
	cc.ConnectTimeout = connectTimeout
	cc.RuntimeParams["application_name"] = c.Group + "/" + c.Instance
	cc.RuntimeParams["idle_in_transaction_session_timeout"] = millis(idleInTransaction)
	cc.RuntimeParams["lock_timeout"] = millis(lockTimeout)
	cc.RuntimeParams["statement_timeout"] = millis(statementTimeout)
	// Everything here is looked up by a key or in the order of an index. A plan that was made for a small
	// table must not read the whole of it when it has grown, and none is worth making anew each time.
	cc.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	cc.RuntimeParams["enable_seqscan"] = "off"
	cc.RuntimeParams["tcp_keepalives_idle"] = keepaliveSeconds
	cc.RuntimeParams["tcp_keepalives_interval"] = keepaliveSeconds
	cc.RuntimeParams["tcp_keepalives_count"] = "3"
	if c.Schema != "" {
		cc.RuntimeParams["search_path"] = pgx.Identifier{c.Schema}.Sanitize()
	}
	if c.Dial != nil {
		cc.DialFunc = c.Dial
		cc.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	if c.Refused != nil {
		usable := cc.OnPgError
		cc.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
			if strings.HasPrefix(err.Code, invalidAuthorization) {
				c.Refused()
			}
			return usable(conn, err)
		}
	}
	return pc, nil
}

// redact keeps a parse error's reason but not the url, which holds a password.
func redact(err error) error {
	if pe, ok := errors.AsType[*pgconn.ParseConfigError](err); ok && pe.Unwrap() != nil {
		return pe.Unwrap()
	}
	return errors.New("it is not a valid postgres:// url")
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Close ends the connections; it waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// Ping asks the server for an answer.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	return nil
}

// sqlState returns the SQLSTATE of a server's error, or "" of any other.
func sqlState(err error) string {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pe.Code
	}
	return ""
}

const (
	undefinedTable       = "42P01"
	invalidAuthorization = "28" // the class
)

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, q querier, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

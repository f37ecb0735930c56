package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/process"
)

const (
	adminRole    = "postgres"
	databaseName = "omninode"
	startTimeout = 30 * time.Second
	stopGrace    = 5 * time.Second

	connectTimeout = 2 * time.Second // of one attempt while the server starts
)

// PostgresConfig says how the embedded server runs; the zero value gives a throw-away server.
type PostgresConfig struct {
	Dir     string    // keeps the data; "" is a temporary folder that Stop removes
	Port    int       // on 127.0.0.1; 0 chooses a free one
	Durable bool      // flush to disk at each commit; false is faster and loses data when the machine stops
	Cache   string    // of the binaries; "" is CacheDir
	Log     io.Writer // gets the server's log; nil drops it
}

// Postgres is a running server, or the one that DATABASE_URL names.
type Postgres struct {
	url  string
	proc *process.Process // nil: not ours
	dir  *workDir
}

// StartPostgres returns the server of DATABASE_URL or TEST_DATABASE_URL if one is set, else it
// starts one from downloaded binaries and waits until it answers. As root the server runs as an
// unprivileged user. It dies with this process.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if given := cmp.Or(os.Getenv("DATABASE_URL"), os.Getenv("TEST_DATABASE_URL")); given != "" {
		return &Postgres{url: given}, probe(ctx, given)
	}
	bin, err := binaries(ctx, cfg.Cache)
	if err != nil {
		return nil, err
	}
	dir, err := openWorkDir(cfg.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir}
	if err := p.start(ctx, bin, cfg); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("reach the server of DATABASE_URL: %w; unset it to use the embedded one", err)
	}
	return conn.Close(ctx)
}

func binaries(ctx context.Context, cache string) (string, error) {
	if cache == "" {
		var err error
		if cache, err = CacheDir(); err != nil {
			return "", err
		}
	}
	return PostgresBinaries(ctx, cache)
}

// URL returns the address of the database "omninode" for its administrator.
func (p *Postgres) URL() string { return p.url }

// Pid returns the server's process id, or 0 if the server is not ours.
func (p *Postgres) Pid() int {
	if p.proc == nil {
		return 0
	}
	return p.proc.Pid()
}

// Stop stops the server if StartPostgres started it and removes a temporary folder. It may be
// called more than once and takes at most ten seconds.
func (p *Postgres) Stop() error {
	var err error
	if p.proc != nil {
		err = p.proc.Stop(stopGrace, syscall.SIGINT, syscall.SIGQUIT)
		p.proc = nil
	}
	if p.dir != nil {
		err = errors.Join(err, p.dir.close())
		p.dir = nil
	}
	return err
}

func (p *Postgres) start(ctx context.Context, bin string, cfg PostgresConfig) error {
	if err := requireDisk(p.dir.path, dataNeedsBytes); err != nil {
		return err
	}
	as, err := chooseUser(ctx, bin, p.dir.path)
	if err != nil {
		return err
	}
	password, err := initialise(ctx, as, p.dir.path)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := p.launch(ctx, as, cfg, password)
		if err == nil || port == cfg.Port || attempt == 5 || !errors.As(err, new(occupiedError)) {
			return err
		}
	}
}

// launch starts the server and waits until the database is there; it returns the port it tried.
func (p *Postgres) launch(ctx context.Context, as runAs, cfg PostgresConfig, password string) (int, error) {
	port, err := choosePort(cfg.Port)
	if err != nil {
		return cfg.Port, err
	}
	cmd := as.command(context.WithoutCancel(ctx), "postgres", serverArgs(as.data(p.dir.path), port, cfg.Durable)...)
	proc, err := process.Start(cmd, process.Config{Death: syscall.SIGQUIT, Log: cfg.Log})
	if err != nil {
		return port, err
	}
	p.proc = proc
	admin := url.URL{
		Scheme: "postgres", User: url.UserPassword(adminRole, password),
		Host: net.JoinHostPort(loopback, strconv.Itoa(port)), Path: "/" + databaseName, RawQuery: "sslmode=disable",
	}
	p.url = admin.String()
	if err := p.waitReady(ctx, admin); err != nil {
		tail := strings.Join(proc.Tail(), "\n")
		_ = proc.Stop(stopGrace, syscall.SIGINT, syscall.SIGQUIT)
		p.proc = nil
		return port, explain(err, tail, port)
	}
	return port, nil
}

// choosePort returns a free port, or the wanted one if nobody listens there: a client that connected
// to somebody else's server would only see silence.
func choosePort(want int) (int, error) {
	l, err := listen("Postgres", want)
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func serverArgs(data string, port int, durable bool) []string {
	settings := []string{
		"listen_addresses=" + loopback, "port=" + strconv.Itoa(port), "unix_socket_directories=",
		"max_connections=200", "shared_buffers=64MB", "timezone=UTC", "log_timezone=UTC",
	}
	if !durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", data}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}

func (p *Postgres) waitReady(ctx context.Context, admin url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	admin.Path = "/postgres"
	return poll(ctx, 15*time.Millisecond, func() (bool, error) {
		select {
		case <-p.proc.Done():
			return true, fmt.Errorf("the server ended: %w", cmp.Or(p.proc.Err(), errors.New("exit code 0")))
		default:
		}
		attempt, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		conn, err := pgx.Connect(attempt, admin.String())
		if err != nil {
			return false, err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		return true, createDatabase(ctx, conn, databaseName)
	})
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	return err
}

// initialise makes the data folder with initdb unless it is there, and returns the administrator's
// password, which is kept beside it.
func initialise(ctx context.Context, as runAs, dir string) (string, error) {
	file := filepath.Join(dir, "admin-password")
	data := as.data(dir)
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		password, err := os.ReadFile(file)
		return strings.TrimSpace(string(password)), err
	}
	if err := os.RemoveAll(data); err != nil { // what a killed initdb left
		return "", fmt.Errorf("clear an unfinished data folder: %w", err)
	}
	password := rand.Text()
	if err := as.writeFile(file, password); err != nil {
		return "", err
	}
	cmd := as.command(ctx, "initdb", "--pgdata", data, "--username", adminRole, "--pwfile", file,
		"--auth", "scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8")
	proc, err := process.Start(cmd, process.Config{})
	if err != nil {
		return "", err
	}
	<-proc.Done()
	if err := proc.Err(); err != nil {
		_ = os.RemoveAll(data)
		return "", explain(fmt.Errorf("initdb: %w", errors.Join(err, ctx.Err())), strings.Join(proc.Tail(), "\n"), 0)
	}
	return password, nil
}

// occupiedError says that the server found its port taken.
type occupiedError struct{ error }

// explain turns what the server said into a message with the remedy.
func explain(err error, tail string, port int) error {
	switch {
	case strings.Contains(tail, "Address already in use"):
		return occupiedError{occupied("Postgres", port)}
	case strings.Contains(tail, "No space left on device"):
		return fmt.Errorf("start Postgres: no space left on the disk; free some or set TMPDIR to another disk: %w", err)
	case strings.Contains(tail, "is not compatible with this version"):
		return fmt.Errorf("start Postgres: the data folder was made by another version; remove it to start afresh: %w", err)
	default:
		return fmt.Errorf("start Postgres: %w\n%s", err, tail)
	}
}

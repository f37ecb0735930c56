// Package servers runs a real Kafka and a real Postgres, which flushes each commit to disk, in
// containers of the pipeline's images. Their ports are published on 127.0.0.1 and stay the same over
// restarts. Whoever starts them stops them; nothing is kept.
package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNoDocker says that this machine cannot run the servers.
var ErrNoDocker = errors.New("docker is needed, for Kafka and Postgres in containers; see: omninode doctor")

// Config says how the servers run. Root is required.
type Config struct {
	Root     string            // of the repository, whose pipeline names the images
	Label    string            // of the containers, for people: omninode=<label>
	Kafka    map[string]string // environment of the broker besides what it needs
	Postgres []string          // settings of the server, as "name=value"
}

// Servers are the two that run.
type Servers struct {
	Brokers      string // host:port
	AdminURL     string // of the database "omninode" for its administrator
	DatabaseAddr string // host:port
	Kafka        string // container id
	Postgres     string // container id

	cfg Config
}

// ready bounds how long a server may take until it answers.
const ready = 60 * time.Second

// Start starts both and returns once they answer.
func Start(ctx context.Context, cfg Config) (*Servers, error) {
	if err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").Run(); err != nil {
		return nil, ErrNoDocker
	}
	s := &Servers{cfg: cfg}
	err := errors.Join(s.startKafka(ctx), s.startPostgres(ctx))
	if err == nil {
		err = errors.Join(s.AwaitKafka(ctx), s.AwaitPostgres(ctx))
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Servers) startKafka(ctx context.Context) error {
	port, err := FreePort(ctx)
	if err != nil {
		return err
	}
	s.Brokers = "127.0.0.1:" + port
	env := map[string]string{
		"KAFKA_NODE_ID": "1", "KAFKA_PROCESS_ROLES": "broker,controller",
		"KAFKA_LISTENERS":                                "PLAINTEXT://:" + port + ",CONTROLLER://:9093",
		"KAFKA_ADVERTISED_LISTENERS":                     "PLAINTEXT://" + s.Brokers,
		"KAFKA_CONTROLLER_LISTENER_NAMES":                "CONTROLLER",
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":           "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"KAFKA_CONTROLLER_QUORUM_VOTERS":                 "1@localhost:9093",
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "1",
		"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":             "4",
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "1",
		"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS":     "4",
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         "0",
		"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":             "1000",
		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false",
	}
	maps.Copy(env, s.cfg.Kafka)
	s.Kafka, err = s.container(ctx, "kafka", port+":"+port, env)
	return err
}

func (s *Servers) startPostgres(ctx context.Context) error {
	port, err := FreePort(ctx)
	if err != nil {
		return err
	}
	password := rand.Text()
	s.DatabaseAddr = "127.0.0.1:" + port
	s.AdminURL = "postgres://postgres:" + password + "@" + s.DatabaseAddr + "/omninode"
	command := []string{"postgres", "-c", "max_connections=200"}
	for _, setting := range s.cfg.Postgres {
		command = append(command, "-c", setting)
	}
	s.Postgres, err = s.container(ctx, "postgres", port+":5432", map[string]string{
		"POSTGRES_PASSWORD": password, "POSTGRES_DB": "omninode", "POSTGRES_INITDB_ARGS": "--no-sync",
	}, command...)
	return err
}

// container runs one of the pipeline's images, published on 127.0.0.1 only.
func (s *Servers) container(ctx context.Context, kind, publish string, env map[string]string, command ...string) (string, error) {
	image, err := s.image(kind)
	if err != nil {
		return "", err
	}
	args := []string{"run", "-d", "--label", "omninode=" + s.cfg.Label, "-p", "127.0.0.1:" + publish}
	for name := range env {
		args = append(args, "-e", name) // the value comes from docker's own environment: no secret in a command line
	}
	cmd := exec.CommandContext(ctx, "docker", append(append(args, image), command...)...)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	id, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("start %s: %w\n%s", image, err, said.String())
	}
	return strings.TrimSpace(string(id)), nil
}

// image returns the tag the pipeline uses.
func (s *Servers) image(kind string) (string, error) {
	file := filepath.Join(s.cfg.Root, "ci", "versions.go")
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("find the pipeline's images; run this from the repository: %w", err)
	}
	m := regexp.MustCompile(kind + `Image\s*= "(.*)"`).FindSubmatch(raw)
	if m == nil {
		return "", fmt.Errorf("%s names no image of %s", file, kind)
	}
	return string(m[1]), nil
}

// AwaitKafka returns when the broker answers.
func (s *Servers) AwaitKafka(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers))
	if err != nil {
		return err
	}
	defer client.Close()
	return await(ctx, "kafka", client.Ping)
}

// AwaitPostgres returns when the server accepts connections.
func (s *Servers) AwaitPostgres(ctx context.Context) error {
	return await(ctx, "postgres", func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.AdminURL)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// await asks a server until it answers.
func await(ctx context.Context, name string, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	for {
		one, done := context.WithTimeout(ctx, 2*time.Second)
		err := ask(one)
		done()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", name, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Docker runs a command of docker; the error holds what it said.
func Docker(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// Stop removes the containers and their data, also after the run was interrupted.
func (s *Servers) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var ending sync.WaitGroup
	for _, id := range []string{s.Kafka, s.Postgres} {
		if id != "" {
			ending.Go(func() { _ = Docker(ctx, "rm", "-f", "-v", id) })
		}
	}
	ending.Wait()
}

// FreePort returns a port of 127.0.0.1 that nothing listens on.
func FreePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

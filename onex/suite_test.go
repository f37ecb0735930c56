package onex_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// backends are shared by all tests; each test has nodes, schemas and topics of its own. By default
// they are embedded; TEST_KAFKA_BROKERS and TEST_DATABASE_URL run the same tests on real ones.
type backends struct {
	brokers, database, consul string
}

var shared backends //nolint:gochecknoglobals // set once by TestMain

func TestMain(m *testing.M) {
	if os.Getenv("ONEX_TEST_CHILD") != "" {
		childMain()
		return
	}
	code, err := withBackends(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // a test's main
}

func withBackends(m *testing.M) (int, error) {
	stack, err := embedded.Start(context.Background(), embedded.Config{})
	if err != nil {
		return 1, err
	}
	shared = backends{brokers: stack.Brokers, database: stack.AdminDatabaseURL, consul: stack.ConsulAddr}
	code := m.Run()
	if err := stack.Stop(); err != nil {
		return 1, err
	}
	if code == 0 {
		return 0, goleak.Find()
	}
	return code, nil
}

// fixture is what a test needs to drive nodes.
type fixture struct {
	t     testing.TB
	kafka *kgo.Client
	admin *kadm.Client
	db    *pgx.Conn
	logs  *syncBuffer
}

// brokers is asked for within tests, so that their cached results know what they ran on.
func brokers() string { return cmp.Or(os.Getenv("TEST_KAFKA_BROKERS"), shared.brokers) }

func setup(t testing.TB) *fixture {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers(), ",")...), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	db, err := pgx.Connect(t.Context(), shared.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return &fixture{t: t, kafka: client, admin: kadm.NewClient(client), db: db, logs: &syncBuffer{}}
}

// name returns a node name that no other test has.
func (f *fixture) name(prefix string) string {
	return prefix + "-" + strings.ToLower(rand.Text()[:8])
}

// migrate creates the schema and role of a node and returns the URL of its role.
func (f *fixture) migrate(node string) string {
	f.t.Helper()
	_, err := provision.Migrate(f.t.Context(), provision.MigrateConfig{
		AdminURL: shared.database, Nodes: []string{node}, Direction: provision.Up,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	role := provision.Schema(node)
	if _, err := f.db.Exec(f.t.Context(), fmt.Sprintf(`ALTER ROLE %q LOGIN PASSWORD 'test'`, role)); err != nil {
		f.t.Fatal(err)
	}
	u, err := url.Parse(shared.database)
	if err != nil {
		f.t.Fatal(err)
	}
	u.User = url.UserPassword(role, "test")
	return u.String()
}

// query sets a parameter of a URL.
func query(t *testing.T, address, key, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// running is a process with nodes.
type running struct {
	f    *fixture
	url  string
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func (f *fixture) env(nodes []onex.Node, instance string) map[string]string {
	env := map[string]string{
		"ONEX_KAFKA_BROKERS": brokers(), "CONSUL_HTTP_ADDR": shared.consul, "ONEX_HTTP_ADDR": freeAddr(f.t),
		"ONEX_ADVERTISE_ADDR": "127.0.0.1", "ONEX_INSTANCE": instance, "ONEX_LOG_FORMAT": "text", "ONEX_LOG_LEVEL": "debug",
	}
	for _, n := range nodes {
		env[strings.ToUpper(provision.Schema(n.Name))+"_DATABASE_URL"] = f.migrate(n.Name)
	}
	return env
}

// start runs nodes as one process and waits until they are ready.
func (f *fixture) start(instance string, nodes ...onex.Node) *running {
	f.t.Helper()
	r := f.launch(f.env(nodes, instance), nodes...)
	f.eventually("nodes are ready", func() error {
		select {
		case <-r.done:
			f.t.Fatalf("process ended: %v\n%s", r.err, f.logs.String())
		default:
		}
		return r.get("/readyz", http.StatusOK)
	})
	return r
}

func (f *fixture) launch(env map[string]string, nodes ...onex.Node) *running {
	ctx, stop := context.WithCancel(context.Background())
	r := &running{f: f, url: "http://" + env["ONEX_HTTP_ADDR"], stop: stop, done: make(chan struct{})}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	go func() {
		defer close(r.done)
		r.err = onex.Run(ctx, onex.Config{Lookup: lookup, Output: f.logs}, nodes...)
	}()
	f.t.Cleanup(func() {
		r.halt()
		if f.t.Failed() {
			f.t.Log(f.logs.String())
		}
	})
	return r
}

// halt stops the process in good order.
func (r *running) halt() {
	r.f.t.Helper()
	r.stop()
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		r.f.t.Fatal("process did not stop")
	}
	http.DefaultClient.CloseIdleConnections()
}

func (r *running) get(path string, want int) error {
	status, body := r.read(path)
	if status != want {
		return fmt.Errorf("%s answers %d %s", path, status, body)
	}
	return nil
}

func (r *running) read(path string) (status int, body string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.url+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String()
}

// eventually polls until check returns nil.
func (f *fixture) eventually(what string, check func() error) {
	f.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: %v", what, err)
		}
		<-tick.C
	}
}

// root returns a record of an external producer.
func root(class event.Class, ref event.Ref, key string, data any) *kgo.Record {
	raw, err := json.Marshal(data)
	if err != nil {
		raw = []byte("null")
	}
	return record(class, event.NewRoot("onex://test", ref, key, raw, time.Now()))
}

func record(class event.Class, e event.Envelope) *kgo.Record {
	r := &kgo.Record{Topic: event.Topic{Class: class, Ref: e.Type}.String(), Key: []byte(e.PartitionKey), Value: e.Data}
	for _, h := range e.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func (f *fixture) produce(records ...*kgo.Record) {
	f.t.Helper()
	if err := f.kafka.ProduceSync(f.t.Context(), records...).FirstErr(); err != nil {
		f.t.Fatalf("produce: %v", err)
	}
}

func (f *fixture) topic(topics ...string) {
	f.t.Helper()
	if _, err := f.admin.CreateTopics(f.t.Context(), 3, -1, nil, topics...); err != nil {
		f.t.Fatal(err)
	}
	f.eventually("the broker leads the topics", func() error { // which it learns a little later
		ends, err := f.admin.ListEndOffsets(f.t.Context(), topics...)
		return cmp.Or(err, ends.Error())
	})
}

// stream yields the committed records of topics as they come; after a minute without one it ends.
func (f *fixture) stream(ctx context.Context, topics ...string) iter.Seq[*kgo.Record] {
	f.t.Helper()
	return func(yield func(*kgo.Record) bool) {
		client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers(), ",")...), kgo.ConsumeTopics(topics...),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond))
		if err != nil {
			f.t.Error(err)
			return
		}
		defer client.Close()
		for {
			bounded, cancel := context.WithTimeout(ctx, time.Minute)
			records := client.PollFetches(bounded).Records()
			cancel()
			if len(records) == 0 {
				return
			}
			for _, r := range records {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// collect reads topics until there are n committed records, then makes sure that no more come.
func (f *fixture) collect(n int, topics ...string) []*kgo.Record {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	var records []*kgo.Record
	for r := range f.stream(ctx, topics...) {
		if records = append(records, r); len(records) == n {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
	}
	if len(records) != n {
		f.t.Fatalf("%v: got %d records, want %d", topics, len(records), n)
	}
	return records
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// syncBuffer is a log that is written and read concurrently.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// number is the payload of most tests.
type number struct {
	N  int    `json:"n"`
	ID string `json:"id"`
}

func (n number) Validate() error {
	if n.N < 0 {
		return errors.New("n is negative")
	}
	return nil
}

func decodeNumber(data []byte) (number, error) {
	var n number
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	return n, n.Validate()
}

func ref(node, name string) event.Ref { return event.Ref{Node: node, Name: name, Version: 1} }

func topicOf(class event.Class, r event.Ref) string {
	return event.Topic{Class: class, Ref: r}.String()
}

// Package kafka connects a node to a Kafka cluster: it creates the topics the node owns, consumes
// with a claim per partition, consumes and produces in one transaction for pure nodes, and produces
// what the outbox holds. It speaks to the embedded broker and to a real one alike.
//
// Kafka's own offsets are the truth only for pure nodes; for the others they are a copy.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Config names a cluster. Brokers is required.
type Config struct {
	Brokers  []string // host:port
	ClientID string
	Log      *slog.Logger // gets the client's warnings

	// Dial opens connections; nil dials the brokers' advertised addresses.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Options are added to those of every connection's client: tests shorten its times.
	Options []kgo.Opt
}

const (
	deliveryTimeout = 20 * time.Second // of one record, all tries together
	requestTimeout  = 10 * time.Second
	fetchBytes      = 8 << 20 // of one fetch; bounds the memory of a node
	partitionBytes  = 1 << 20
)

// Client produces and administers. It is safe for concurrent use by all nodes of a process.
type Client struct {
	cfg   Config
	kgo   *kgo.Client
	admin *kadm.Client
}

// Open prepares a client; it connects at its first use.
func Open(c Config) (*Client, error) {
	cl := &Client{cfg: c}
	var err error
	if cl.kgo, err = kgo.NewClient(cl.producing()...); err != nil {
		return nil, fmt.Errorf("configure kafka client: %w", err)
	}
	cl.admin = kadm.NewClient(cl.kgo)
	return cl, nil
}

func (c *Client) options() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.cfg.Brokers...), kgo.ClientID(c.cfg.ClientID), kgo.WithLogger(logger{c.cfg.Log}),
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	if c.cfg.Dial != nil {
		opts = append(opts, kgo.Dialer(c.cfg.Dial))
	}
	return opts
}

// Close ends the client; what is buffered is given up.
func (c *Client) Close() { c.kgo.Close() }

// Ping asks a broker for an answer.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return c.reach(c.kgo.Ping(ctx))
}

// reach says whom a failed request was for.
func (c *Client) reach(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reach kafka at %s: %w", strings.Join(c.cfg.Brokers, ","), err)
}

func outgoing(r engine.Outgoing) *kgo.Record { return new(packer).pack(r) }

// packer makes what the client sends. Records that follow one another share allocations; the zero value
// makes them one by one.
type packer struct {
	more    int                // how many records are still to come
	headers []kgo.RecordHeader // unused
	records []kgo.Record       // unused
}

const packed = 64 // records of one allocation at most

func (p *packer) pack(r engine.Outgoing) *kgo.Record {
	n, room := len(r.Headers), min(max(p.more, 1), packed)
	p.more--
	if len(p.headers) < n {
		p.headers = make([]kgo.RecordHeader, room*n)
	}
	headers := p.headers[:n:n]
	p.headers = p.headers[n:]
	for i, h := range r.Headers {
		headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
	if len(p.records) == 0 {
		p.records = make([]kgo.Record, room)
	}
	record := &p.records[0]
	p.records = p.records[1:]
	*record = kgo.Record{Topic: r.Topic, Key: []byte(r.Key), Headers: headers, Value: r.Value}
	return record
}

// logger gives the client's warnings and errors to slog.
type logger struct{ log *slog.Logger }

// Level implements kgo.Logger.
func (l logger) Level() kgo.LogLevel {
	if l.log == nil {
		return kgo.LogLevelNone
	}
	return kgo.LogLevelWarn
}

// Log implements kgo.Logger.
func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	at := slog.LevelWarn
	if level == kgo.LogLevelError {
		at = slog.LevelError
	}
	l.log.Log(context.Background(), at, "kafka client: "+msg, keyvals...) //nolint:sloglint // the client's own messages
}

// ErrReplaced says that another process runs under this instance's id: this one is a left-over and
// must not try again. As the cause of a context it makes a session end without leaving the group,
// because that would make the other process leave.
var ErrReplaced = errors.New("another process runs under this instance id")

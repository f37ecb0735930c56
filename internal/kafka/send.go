package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Sender sends waves of records so that a broker takes or refuses those of a partition together: they
// are buffered first and then go out in one batch, if they fit one. It is for one goroutine.
type Sender struct {
	client *Client
	kgo    *kgo.Client
	known  map[string]bool // topics whose partitions the client has learnt
}

// NewSender returns a sender with connections of its own, since it must be alone with its buffers.
func (c *Client) NewSender() (*Sender, error) {
	s := &Sender{client: c}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s, nil
}

// begin gives the sender a client that has not sent anything.
func (s *Sender) begin() error {
	cl, err := kgo.NewClient(append(s.client.producing(), kgo.ManualFlushing())...)
	if err != nil {
		return fmt.Errorf("configure kafka client: %w", err)
	}
	if s.kgo != nil {
		s.kgo.Close()
	}
	s.kgo, s.known = cl, map[string]bool{}
	return nil
}

// Close ends the sender; what is buffered is given up.
func (s *Sender) Close() { s.kgo.Close() }

// Send sends records in order, per key, and waits. It returns an error for each that the cluster does
// not have.
func (s *Sender) Send(ctx context.Context, records []engine.Outgoing) []error {
	errs := make([]error, len(records))
	rest := make([]engine.Outgoing, 0, len(records))
	at := make([]int, 0, len(records)) // of rest in records
	refused := map[string]error{}
	for i, r := range records {
		switch met := s.known[r.Topic]; {
		case refused[r.Topic] != nil:
			errs[i] = refused[r.Topic]
		case !met:
			if errs[i] = s.meet(ctx, r); errs[i] != nil {
				refused[r.Topic] = errs[i]
			}
		default:
			rest, at = append(rest, r), append(at, i)
		}
	}
	for i, err := range s.wave(ctx, rest) {
		errs[at[i]] = err
	}
	if errors.Join(errs...) != nil {
		// The client asks for metadata now and would begin to send once it has them, amid the next wave.
		if err := s.begin(); err != nil {
			return slices.Repeat([]error{err}, len(records))
		}
	}
	return errs
}

func (s *Sender) wave(ctx context.Context, records []engine.Outgoing) []error {
	return send(ctx, s.kgo, records, func() { _ = s.kgo.Flush(ctx) }) // each record tells what became of it
}

// meet sends the first record of a topic alone: the client learns the topic's partitions meanwhile, and
// begins to send what waits for them before it has put all of it into one batch.
func (s *Sender) meet(ctx context.Context, r engine.Outgoing) error {
	err := s.wave(ctx, []engine.Outgoing{r})[0]
	if answer, answered := errors.AsType[*kerr.Error](err); err == nil || answered && answer != kerr.UnknownTopicOrPartition {
		s.known[r.Topic] = true
	}
	return err
}

// Produce is Send of records that need not be taken together. It is safe for concurrent use.
func (c *Client) Produce(ctx context.Context, records []engine.Outgoing) []error {
	return send(ctx, c.kgo, records, func() {})
}

func send(ctx context.Context, cl *kgo.Client, records []engine.Outgoing, flush func()) []error {
	errs := make([]error, len(records))
	var sent sync.WaitGroup
	sent.Add(len(records))
	packer := packer{more: len(records)}
	for i, r := range records {
		cl.Produce(ctx, packer.pack(r), func(_ *kgo.Record, err error) {
			errs[i] = err
			sent.Done()
		})
	}
	flush()
	sent.Wait()
	return errs
}

// producing are the options of a client that produces.
func (c *Client) producing() []kgo.Opt {
	opts := append(c.options(), kgo.RecordDeliveryTimeout(deliveryTimeout), kgo.UnknownTopicRetries(3), kgo.ProducerLinger(0))
	return append(opts, c.cfg.Options...)
}

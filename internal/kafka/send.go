package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Sender sends waves of records so that a broker takes or refuses those of a partition together: they
// are buffered first and then go out in one batch, if they fit one. It is for one goroutine.
type Sender struct {
	kgo *kgo.Client
}

// NewSender returns a sender with connections of its own, since it must be alone with its buffers.
func (c *Client) NewSender() (*Sender, error) {
	cl, err := kgo.NewClient(append(c.producing(), kgo.ManualFlushing())...)
	if err != nil {
		return nil, fmt.Errorf("configure kafka client: %w", err)
	}
	return &Sender{cl}, nil
}

// Close ends the sender; what is buffered is given up.
func (s *Sender) Close() { s.kgo.Close() }

// Send sends records in order, per key, and waits. It returns an error for each that the cluster does
// not have.
func (s *Sender) Send(ctx context.Context, records []engine.Outgoing) []error {
	return send(ctx, s.kgo, records, func() { _ = s.kgo.Flush(ctx) }) // each record tells what became of it
}

// Produce is Send of records that need not be taken together. It is safe for concurrent use.
func (c *Client) Produce(ctx context.Context, records []engine.Outgoing) []error {
	return send(ctx, c.kgo, records, func() {})
}

func send(ctx context.Context, cl *kgo.Client, records []engine.Outgoing, flush func()) []error {
	errs := make([]error, len(records))
	var sent sync.WaitGroup
	sent.Add(len(records))
	for i, r := range records {
		cl.Produce(ctx, outgoing(r), func(_ *kgo.Record, err error) {
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

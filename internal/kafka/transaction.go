package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// place names a partition, and a record of it.
type place struct {
	topic     string
	partition int32
	offset    int64
}

func placeOf(r engine.Record) place { return place{r.Topic, r.Partition, r.Offset} }

// transaction is the one in hand.
type transaction struct {
	*transactor

	until          time.Time
	records, bytes int
	ends           map[place]int64 // how many more records each partition has, as far as is known
	next           map[place]int64 // where each partition goes on
	inputs         []place         // those the cluster had refused something of
	done           []func()

	mu     sync.Mutex
	failed map[place]error // what the cluster did not take, by input
}

// fill transforms and produces what is fetched, and what is queued behind it.
func (tx *transaction) fill(ctx, work context.Context, fetches kgo.Fetches) error {
	for fetches.NumRecords() > 0 {
		inputs := tx.take(fetches)
		out, done, err := tx.transform(work, inputs)
		if err != nil {
			return err
		}
		tx.done = append(tx.done, done)
		packer := packer{more: len(out)} // for the most part each causes one
		for i, records := range out {
			if err := tx.produce(work, placeOf(inputs[i].Record), records, &packer); err != nil {
				return err
			}
		}
		fetches = tx.more(ctx)
		if err := tx.client.failure(ctx, fetches); err != nil {
			return err
		}
	}
	return nil
}

// take turns what is fetched into inputs.
func (tx *transaction) take(fetches kgo.Fetches) []engine.PureInput {
	inputs := make([]engine.PureInput, 0, fetches.NumRecords())
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 {
			return
		}
		tx.member.Progress.got(f)
		at := place{f.Topic, f.Partition, 0}
		tx.next[at] = f.Records[len(f.Records)-1].Offset + 1
		tx.ends[at] = ending(f) - tx.next[at]
		for _, r := range incoming(f.Records) {
			in := engine.PureInput{Record: r}
			if known, ok := tx.refused[placeOf(r)]; ok {
				in.Refused, in.Refusals = known.err, known.times
				tx.inputs = append(tx.inputs, placeOf(r))
			}
			tx.bytes += len(r.Value)
			inputs = append(inputs, in)
		}
	})
	tx.records += len(inputs)
	return inputs
}

// produce sends what an input caused. If it was refused before in company, it is sent alone now, to
// know whose fault that was.
func (tx *transaction) produce(work context.Context, input place, out []engine.Outgoing, packer *packer) error {
	if len(out) == 0 {
		return nil
	}
	_, alone := tx.refused[input]
	if alone {
		if err := tx.session.Client().Flush(work); err != nil {
			return err
		}
	}
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			tx.fail(input, err)
		}
	}
	for _, r := range out {
		tx.bytes += len(r.Value)
		tx.session.Produce(work, packer.pack(r), promise)
	}
	if alone {
		return tx.session.Client().Flush(work)
	}
	return nil
}

func (tx *transaction) fail(input place, err error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.failed == nil {
		tx.failed = map[place]error{}
	}
	if tx.failed[input] == nil {
		tx.failed[input] = err
	}
}

// failures returns what the cluster did not take so far.
func (tx *transaction) failures() map[place]error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.failed
}

// more returns what else belongs into the transaction: what is fetched already, and what is known to
// be in the cluster if it comes soon. There is none once the transaction is full or old, something
// was refused, or the session is told to stop.
func (tx *transaction) more(ctx context.Context) kgo.Fetches {
	left := time.Until(tx.until)
	if left <= 0 || tx.records >= transactionRecords || tx.bytes >= transactionBytes || len(tx.failures()) > 0 || ctx.Err() != nil {
		return nil
	}
	if !tx.behind() {
		return tx.session.PollRecords(nil, pollRecords) //nolint:staticcheck // takes what is buffered, without waiting
	}
	soon, cancel := context.WithTimeout(ctx, min(left, queuedWait))
	defer cancel()
	fetches := tx.session.PollRecords(soon, pollRecords)
	if soon.Err() != nil && fetches.NumRecords() == 0 {
		return nil
	}
	return fetches
}

// behind reports whether a partition has records that were not fetched. A last offset that is left
// may be the marker of a transaction.
func (tx *transaction) behind() bool {
	for _, n := range tx.ends {
		if n > 1 {
			return true
		}
	}
	return false
}

// committed tells everybody whose records are settled.
func (tx *transaction) committed() {
	for _, done := range tx.done {
		done()
	}
	for at, next := range tx.next {
		tx.member.Progress.committed(at, next)
	}
	tx.member.observer().Waiting(nil)
	for _, p := range tx.inputs {
		delete(tx.refused, p)
	}
}

// incoming converts the records of one fetch. Their headers share one allocation.
func incoming(fetched []*kgo.Record) []engine.Record {
	n := 0
	for _, r := range fetched {
		n += len(r.Headers)
	}
	headers := make([]event.Header, 0, n)
	records := make([]engine.Record, 0, len(fetched))
	for _, r := range fetched {
		first := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, event.Header{Key: h.Key, Value: h.Value})
		}
		records = append(records, engine.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
			Key: string(r.Key), Headers: headers[first:len(headers):len(headers)], Value: r.Value,
		})
	}
	return records
}

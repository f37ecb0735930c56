package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/process"
)

// What P5 commits: so many rows a second, for so long in each round.
const (
	pickupRate  = 300
	pickupRound = 3 * time.Second
)

// pickup is P5: how long a row that was committed takes to be read from Kafka.
func (b *bench) pickup(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.topic(ctx, load.InputTopic()); err != nil {
			return err
		}
		o, err := s.openOutbox(ctx)
		if err != nil {
			return err
		}
		defer o.close()
		var p50, p95, p99, bare, disk, river series
		const n = int(pickupRate * pickupRound / time.Second)
		for range b.rounds {
			took, err := o.send(ctx, n, o.insert)
			if err != nil {
				return err
			}
			p50, p95, p99 = append(p50, at(took, 50)), append(p95, at(took, 95)), append(p99, at(took, 99))
			if took, err = o.send(ctx, n, o.produce); err != nil {
				return err
			}
			bare = append(bare, at(took, 99))
			flush, err := b.fdatasync()
			if err != nil {
				return err
			}
			disk = append(disk, flush)
			if s.rivals == "" {
				continue
			}
			worked, err := s.riverPickup(ctx, n)
			if err != nil {
				return err
			}
			river = append(river, worked)
		}
		for _, line := range []struct {
			what   string
			values series
		}{
			{"from commit to a consumer, p50", p50},
			{"from commit to a consumer, p95", p95},
			{"from commit to a consumer, p99", p99},
			{"from an acknowledged produce to the consumer, p99", bare},
			{"fdatasync of 4 KiB on this disk, p50", disk},
			{"River, from commit to its worker, p95", river},
		} {
			fmt.Fprintf(b.out, "  %-50s ms %s\n", line.what, line.values)
		}
		b.control("fdatasync", disk)
		b.row("outbox, from commit to a consumer of Kafka, 300 rows/s", "p99 ≤ 20 fdatasync of the same disk",
			fmt.Sprintf("p99 %.1f ms, p95 %.1f ms: %.0f and %.0f times an fdatasync of %.2f ms; River's pickup p95 %.1f ms",
				p99.median(), p95.median(), ratios(p99, disk).median(), ratios(p95, disk).median(), disk.median(), river.median()), "make bench CASE=P5")
		return nil
	})
}

// riverPickup returns River's 95th percentile in milliseconds.
func (s *stage) riverPickup(ctx context.Context, n int) (float64, error) {
	url, err := s.newDatabase(ctx, s.name("river"), "")
	if err != nil {
		return 0, err
	}
	fields, _, err := s.ask(ctx, s.rivals, "river-pickup", url, n)
	if err != nil {
		return 0, err
	}
	us, err := strconv.ParseFloat(fields[1], 64)
	return us / 1000, err
}

// at returns a percentile of sorted durations in milliseconds.
func at(sorted []time.Duration, percent int) float64 {
	return float64(sorted[len(sorted)*percent/100].Microseconds()) / 1000
}

// fdatasync returns the median time in milliseconds of writing 4 KiB and flushing them.
func (b *bench) fdatasync() (float64, error) {
	f, err := os.CreateTemp(b.temp, "flush")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 4096)
	var took []time.Duration
	for range 300 {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return at(took, 50), nil
}

// outbox is a node that runs, its database and a consumer of what it relays.
type outbox struct {
	node    string
	topic   string
	process *process.Process
	pool    *pgxpool.Pool
	client  *kgo.Client
	sent    int
}

func (s *stage) openOutbox(ctx context.Context) (*outbox, error) {
	node := s.name("relay")
	env, err := s.node(ctx, node)
	if err != nil {
		return nil, err
	}
	o := &outbox{node: node, topic: load.OutputTopic(node)}
	if err := s.topic(ctx, o.topic); err != nil {
		return nil, err
	}
	if o.process, err = process.Start(s.command(ctx, s.subject, "effect", append(env, s.profile("effect")...)...), process.Config{}); err != nil {
		return nil, err
	}
	_, url, _ := strings.Cut(env[1], "=")
	if o.pool, err = pgxpool.New(ctx, url); err == nil {
		o.client, err = kgo.NewClient(kgo.SeedBrokers(s.Brokers), kgo.ConsumeTopics(o.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchMaxWait(100*time.Millisecond), kgo.ProducerLinger(0))
	}
	if err == nil {
		_, err = o.send(ctx, pickupRate, o.insert) // warms up, and waits until the node is there
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *outbox) close() {
	if o.client != nil {
		o.client.Close()
	}
	if o.pool != nil {
		o.pool.Close()
	}
	_ = o.process.Stop(20*time.Second, syscall.SIGTERM)
}

// send puts n records one by one and returns, sorted, how long each took from there to a consumer.
func (o *outbox) send(ctx context.Context, n int, put func(ctx context.Context, r *kgo.Record) error) ([]time.Duration, error) {
	committed, arrived := make([]time.Time, n), make([]time.Time, n)
	failed := make(chan error, n)
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(time.Second / pickupRate)
		defer tick.Stop()
		for i := range n {
			<-tick.C
			writing.Go(func() {
				r, err := load.Record(o.topic, load.Output(o.node), o.sent+i, outboxKeys, time.Now())
				if err == nil {
					err = put(ctx, r)
				}
				if err != nil {
					failed <- err
				}
				committed[i] = time.Now()
			})
		}
	})
	err := o.collect(ctx, arrived, failed)
	writing.Wait()
	o.sent += n
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range n {
		took = append(took, max(arrived[i].Sub(committed[i]), 0))
	}
	slices.Sort(took)
	return took, nil
}

// insert commits a row alone and wakes the relay as another process's commit does.
func (o *outbox) insert(ctx context.Context, r *kgo.Record) error {
	var b pgx.Batch
	b.Queue(`INSERT INTO outbox (`+strings.Join(outboxColumns(), ", ")+`) VALUES ($1, $2, $3, $4, $5)`, row(r)...)
	b.Queue(`SELECT pg_notify('outbox_' || current_schema(), '')`)
	return o.pool.SendBatch(ctx, &b).Close()
}

// produce sends the record without an outbox.
func (o *outbox) produce(ctx context.Context, r *kgo.Record) error {
	return o.client.ProduceSync(ctx, r).FirstErr()
}

// collect notes when each row of a round arrives.
func (o *outbox) collect(ctx context.Context, arrived []time.Time, failed <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for left := len(arrived); left > 0; {
		fetches := o.client.PollFetches(ctx)
		now := time.Now()
		select {
		case err := <-failed:
			return err
		default:
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d rows did not arrive: %w", left, err)
		}
		for _, r := range fetches.Records() {
			i, err := load.PlaceOf(r, outboxKeys)
			if err != nil {
				return err
			}
			if i -= o.sent; i >= 0 && i < len(arrived) && arrived[i].IsZero() {
				arrived[i], left = now, left-1
			}
		}
	}
	return nil
}

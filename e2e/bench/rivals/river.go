package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// job has the size of the rows that the outbox holds.
type job struct {
	N    int    `json:"n"`
	Sent int64  `json:"sent"`
	Note string `json:"note"`
}

func (job) Kind() string { return "bench" }

// worker does nothing but note what it was given.
type worker struct {
	river.WorkerDefaults[job]

	worked func(j job)
}

func (w *worker) Work(_ context.Context, j *river.Job[job]) error {
	w.worked(j.Args)
	return nil
}

// open migrates and returns a client with the settings of River's own benchmark
// (cmd/river/riverbench: fetch cooldown 2 ms, poll 20 ms, 2,000 workers).
func open(ctx context.Context, p place, worked func(job)) (*river.Client[pgxTx], *pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, p.database)
	if err != nil {
		return nil, nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{worked: worked})
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
		Workers: workers,
	})
	return client, pool, err
}

// riverWork inserts BENCH_ROWS jobs in batches of 5,000, as River's benchmark does, works them and
// prints how many were completed in a second.
func riverWork(ctx context.Context, p place) error {
	rows, err := strconv.Atoi(os.Getenv("BENCH_ROWS"))
	if err != nil {
		return fmt.Errorf("BENCH_ROWS: %w", err)
	}
	var handled atomic.Int64
	client, pool, err := open(ctx, p, func(job) { handled.Add(1) })
	if err != nil {
		return err
	}
	defer pool.Close()
	const batch = 5000
	for n := 0; n < rows; n += batch {
		var params []river.InsertManyParams
		for i := n; i < min(n+batch, rows); i++ {
			params = append(params, river.InsertManyParams{Args: job{N: i, Note: os.Getenv("BENCH_NOTE")}})
		}
		if _, err := client.InsertMany(ctx, params); err != nil {
			return err
		}
	}
	// What counts is a job that moved through the completer, as in River's benchmark.
	events, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: rows + 1, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer unsubscribe()
	start := time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	for n := 0; n < rows; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
		}
	}
	took := time.Since(start)
	if handled.Load() != int64(rows) {
		return fmt.Errorf("%d jobs were handled, want %d", handled.Load(), rows)
	}
	fmt.Printf("%.0f\n", float64(rows)/took.Seconds())
	return client.Stop(context.WithoutCancel(ctx))
}

// riverPickup inserts 300 jobs a second, each in a transaction of its own, and prints the median, the
// 95th and the 99th percentile, in microseconds, of the time from commit to the worker.
func riverPickup(ctx context.Context, p place) error {
	rows, err := strconv.Atoi(os.Getenv("BENCH_ROWS"))
	if err != nil {
		return fmt.Errorf("BENCH_ROWS: %w", err)
	}
	var mu sync.Mutex
	committed, worked := make([]time.Time, rows), make([]time.Time, rows)
	var left sync.WaitGroup
	left.Add(rows)
	client, pool, err := open(ctx, p, func(j job) {
		now := time.Now()
		mu.Lock()
		worked[j.N] = now
		mu.Unlock()
		left.Done()
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := client.Start(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second / 300)
	defer tick.Stop()
	var inserting sync.WaitGroup
	for i := range rows {
		<-tick.C
		inserting.Go(func() {
			if _, err := client.Insert(ctx, job{N: i, Note: os.Getenv("BENCH_NOTE")}, nil); err != nil {
				fmt.Fprintln(os.Stderr, "insert:", err)
				os.Exit(1)
			}
			now := time.Now()
			mu.Lock()
			committed[i] = now
			mu.Unlock()
		})
	}
	inserting.Wait()
	left.Wait()
	var took []time.Duration
	for i := range rows {
		took = append(took, max(worked[i].Sub(committed[i]), 0))
	}
	slices.Sort(took)
	fmt.Println(took[rows/2].Microseconds(), took[rows*95/100].Microseconds(), took[rows*99/100].Microseconds())
	return client.Stop(context.WithoutCancel(ctx))
}

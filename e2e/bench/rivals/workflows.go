package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cschleiden/go-workflows/backend"
	"github.com/cschleiden/go-workflows/backend/monoprocess"
	"github.com/cschleiden/go-workflows/backend/sqlite"
	"github.com/cschleiden/go-workflows/client"
	flows "github.com/cschleiden/go-workflows/worker"
	"github.com/cschleiden/go-workflows/workflow"
)

// goWorkflows runs BENCH_ROWS instances of five activities in a row, each given a payload of the size that the orders have,
// and prints how many ended in a second. Its own benchmark has these settings for SQLite: the default
// worker, in one process that tells itself of new tasks.
func goWorkflows(ctx context.Context, _ place) error {
	rows, err := strconv.Atoi(os.Getenv("BENCH_ROWS"))
	if err != nil {
		return fmt.Errorf("BENCH_ROWS: %w", err)
	}
	dir, err := os.MkdirTemp(os.Getenv("BENCH_TEMP"), "workflows-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := monoprocess.NewMonoprocessBackend(sqlite.NewSqliteBackend(filepath.Join(dir, "flows.sqlite"),
		sqlite.WithBackendOptions(backend.WithLogger(slog.New(slog.DiscardHandler)))))
	w := flows.New(b, nil)
	if err := w.RegisterWorkflow(fiveSteps); err != nil {
		return err
	}
	if err := w.RegisterActivity(step); err != nil {
		return err
	}
	c := client.New(b)
	var started []*workflow.Instance
	for i := range rows {
		in, err := c.CreateWorkflowInstance(ctx, client.WorkflowInstanceOptions{InstanceID: fmt.Sprint("i-", i)}, fiveSteps, os.Getenv("BENCH_NOTE"))
		if err != nil {
			return err
		}
		started = append(started, in)
	}
	begun := time.Now()
	running, stop := context.WithCancel(ctx)
	defer stop()
	if err := w.Start(running); err != nil {
		return err
	}
	for _, in := range started {
		if _, err := client.GetWorkflowResult[int](ctx, c, in, time.Minute); err != nil {
			return err
		}
	}
	_, err = fmt.Printf("%.1f\n", float64(rows)/time.Since(begun).Seconds())
	stop()
	return err
}

func fiveSteps(ctx workflow.Context, note string) (int, error) {
	for i := range 5 {
		if _, err := workflow.ExecuteActivity[int](ctx, workflow.DefaultActivityOptions, step, i, note).Get(ctx); err != nil {
			return 0, err
		}
	}
	return 5, nil
}

func step(_ context.Context, n int, _ string) (int, error) { return n, nil }

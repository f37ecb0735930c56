package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	codeNotReady  = "ONEX_PROBE_001_NOT_READY"
	probeInterval = 150 * time.Millisecond
	probeAttempt  = 2 * time.Second // bound of one attempt
)

// probes says what "ready" means for each kind of service; an open port is not enough.
func probes() map[string]func(ctx context.Context, address string) error {
	return map[string]func(context.Context, string) error{
		"vault":    probeVault,
		"consul":   probeConsul,
		"kafka":    probeKafka,
		"postgres": probePostgres,
		"node":     probeNode,
	}
}

// newProbeCommand waits for a service on behalf of the pipeline, whose containers have no other
// client for Kafka and Postgres.
func newProbeCommand(a *app) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:    "probe vault|consul|kafka|postgres|node ADDRESS",
		Short:  "wait until a service is ready",
		Long:   "Waits until a service is ready. ADDRESS is a URL (Kafka: host:port), or env:NAME to read it from a variable.",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			probe, ok := probes()[args[0]]
			if !ok {
				return usage(c, fmt.Errorf("unknown kind of service %q", args[0]))
			}
			address := args[1]
			if name, ok := strings.CutPrefix(address, "env:"); ok {
				address, _ = a.env(name)
			}
			start := time.Now()
			if err := await(c.Context(), timeout, func(ctx context.Context) error { return probe(ctx, address) }); err != nil {
				return lacking(codeNotReady, fmt.Errorf("%s at %s: %w", args[0], args[1], err), "")
			}
			fmt.Fprintf(a.stdout, "%s is ready after %.1fs\n", args[0], time.Since(start).Seconds())
			return nil
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this time")
	return c
}

// await tries f until it succeeds, and returns its last error when the time is up.
func await(ctx context.Context, timeout time.Duration, f func(context.Context) error) error {
	deadline, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	var last error
	for {
		attempt, stop := context.WithTimeout(deadline, probeAttempt)
		err := f(attempt)
		stop()
		if err == nil {
			return nil
		}
		if last == nil || deadline.Err() == nil { // an attempt that was cut short says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.Done():
			return fmt.Errorf("not ready after %s: %w", timeout, last)
		case <-tick.C:
		}
	}
}

func probeVault(ctx context.Context, url string) error {
	status, _, err := get(ctx, url+"/v1/sys/health")
	switch {
	case err != nil:
		return err
	case status == http.StatusServiceUnavailable:
		return errors.New("it is sealed")
	case status == http.StatusNotImplemented:
		return errors.New("it is not initialized")
	case status != http.StatusOK:
		return fmt.Errorf("its health answers %d", status)
	}
	return nil
}

func probeConsul(ctx context.Context, url string) error {
	status, body, err := get(ctx, url+"/v1/status/leader")
	if err != nil {
		return err
	}
	var leader string
	if err := json.Unmarshal(body, &leader); status != http.StatusOK || err != nil || leader == "" {
		return fmt.Errorf("it has no leader (answer %d %.80q)", status, body)
	}
	return nil
}

// probeNode asks a node whether it is ready; the answer lists what is missing.
func probeNode(ctx context.Context, url string) error {
	status, body, err := get(ctx, url+"/readyz")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("it answers %d %s", status, strings.TrimSpace(string(body)))
	}
	return nil
}

func get(ctx context.Context, url string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, body, err
}

// probeKafka wants metadata with a broker and a controller: from then on topics can be made.
func probeKafka(ctx context.Context, address string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(address, ",")...), kgo.RetryTimeout(probeAttempt))
	if err != nil {
		return err
	}
	defer client.Close()
	meta, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	if len(meta.Brokers) == 0 || meta.Controller < 0 {
		return fmt.Errorf("it has %d brokers and no controller yet", len(meta.Brokers))
	}
	return nil
}

func probePostgres(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

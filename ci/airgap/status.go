package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A row is one line of the status table.
type row struct {
	step  step
	ready bool
	size  int64
}

// status prints each step's state and what up would do about it.
func (s *site) status(ctx context.Context, out io.Writer) error {
	var rows []row
	for _, st := range s.plan() {
		r := row{step: st, ready: st.ready(ctx)}
		if r.ready {
			r.size = st.size(ctx)
		}
		rows = append(rows, r)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := writeStatus(out, rows); err != nil {
		return err
	}
	if s.docker.answers(ctx) && s.ourDockerd() == 0 {
		fmt.Fprintln(out, "dockerd was not started by airgap: down leaves it running")
	}
	free, err := freeDisk(s.cache.root)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "cache %s, %s free\n", s.cache.root, bytesText(free))
	return err
}

// writeStatus renders the table and a last line that sums it up.
func writeStatus(out io.Writer, rows []row) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ITEM\tSTATE\tKEY\tSIZE\tUP WOULD")
	var missing int
	var left [lanes]time.Duration
	for _, r := range rows {
		state, action, key := "ready", "nothing", r.step.key
		if !r.ready {
			state, action = "missing", "make it, ~"+short(r.step.expect)
			missing++
			left[r.step.lane] += r.step.expect
		}
		if key == "" {
			key = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.step.name, state, key, bytesText(r.size), action)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missing == 0 {
		_, err := fmt.Fprintln(out, "all in place")
		return err
	}
	_, err := fmt.Fprintf(out, "%d missing; up needs about %s\n", missing, short(max(left[compiling], left[assembling])))
	return err
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A row is one line of the status table.
type row struct {
	step  step
	state stepState
	size  int64
}

// stepState is what can be said of a step's thing.
type stepState string

const (
	ready   stepState = "ready"
	missing stepState = "missing"
	unknown stepState = "unknown" // dockerd has it or not, but is not running
)

// status prints each step's state and what up would do about it.
func (s *site) status(ctx context.Context, out io.Writer) error {
	rows := s.plan().inspect(ctx)
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

// inspect looks at every step's thing. What only a running dockerd could tell is
// unknown without one.
func (p plan) inspect(ctx context.Context) []row {
	var rows []row
	hidden := map[string]bool{}
	for _, st := range p {
		r := row{step: st, state: missing}
		switch {
		case st.ready(ctx):
			r.state, r.size = ready, st.size(ctx)
		case slices.ContainsFunc(st.needs, func(need string) bool { return hidden[need] }):
			r.state = unknown
		}
		hidden[st.name] = st.name == "dockerd" && r.state == missing || r.state == unknown
		rows = append(rows, r)
	}
	return rows
}

// writeStatus renders the table and a last line that sums it up.
func writeStatus(out io.Writer, rows []row) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ITEM\tSTATE\tKEY\tSIZE\tUP WOULD")
	var count int
	var left [lanes]time.Duration
	for _, r := range rows {
		action := "nothing"
		switch r.state {
		case ready:
		case unknown:
			action = "look again"
		case missing:
			action = "make it, ~" + short(r.step.expect)
			count++
			left[r.step.lane] += r.step.expect
		}
		key := cmp.Or(r.step.key, "-")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.step.name, r.state, key, bytesText(r.size), action)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if count == 0 {
		_, err := fmt.Fprintln(out, "all in place")
		return err
	}
	_, err := fmt.Fprintf(out, "%d missing; up needs about %s\n", count, short(max(left[compiling], left[assembling])))
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

// selection is which parked records a person means.
type selection struct {
	url, key    string
	halted, yes bool
}

func (s *selection) flags(a *app, c *cobra.Command) {
	a.databaseFlag(c, &s.url)
	c.Flags().StringVar(&s.key, "key", "", "the first record of this key")
	c.Flags().BoolVar(&s.halted, "halted", false, "the first record of every halted key")
	c.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask")
}

// query turns flags and arguments into a question; it refuses to mean everything by saying nothing.
func (s *selection) query(c *cobra.Command, args []string) (postgres.WaitingQuery, error) {
	ids, err := parkedIDs(c, args)
	if err != nil {
		return postgres.WaitingQuery{}, err
	}
	q := postgres.WaitingQuery{IDs: ids, Key: s.key}
	if s.halted {
		q.Reason = engine.Halted
	}
	if len(ids) == 0 && s.key == "" && !s.halted {
		return q, usage(c, errors.New("which records? name ids, --key KEY or --halted"))
	}
	return q, nil
}

// choose returns the records that are meant, at least one and all that are named.
func (d *desk) choose(ctx context.Context, q postgres.WaitingQuery) ([]postgres.Waiting, error) {
	list, err := d.store.Waiting(ctx, q)
	if err != nil {
		return nil, databaseFailure(codeParked, err)
	}
	for _, id := range q.IDs {
		if !slices.ContainsFunc(list, func(w postgres.Waiting) bool { return w.ID == id }) {
			return nil, mistake(codeNoParked, fmt.Errorf("%s has no parked record %d that is meant: it may be done by now", d.contract.Node, id), "omninode parked list "+d.contract.Node)
		}
	}
	if len(list) == 0 {
		return nil, mistake(codeNoParked, fmt.Errorf("%s has no parked record that is meant", d.contract.Node), "omninode parked list "+d.contract.Node)
	}
	return list, nil
}

func newParkedRetryCommand(a *app) *cobra.Command {
	var s selection
	c := &cobra.Command{
		Use:   "retry NODE [ID…]",
		Short: "try parked records again now",
		Long: "retry makes the next attempt at the first record of a key due: a running node makes it within a second.\n" +
			"A halted record gets one more attempt; if that fails, its key is halted again.",
		Example: "  omninode parked retry payment 42\n  omninode parked retry payment --halted --yes",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.act(c, args, s, "retry", func(ctx context.Context, d *desk, w postgres.Waiting) error {
				return d.store.AttemptNow(ctx, w.Parked)
			})
		},
	}
	s.flags(a, c)
	return c
}

func newParkedSkipCommand(a *app) *cobra.Command {
	var s selection
	var why string
	c := &cobra.Command{
		Use:   "skip NODE [ID…]",
		Short: "give parked records up: they become dead letters, and what waits behind them goes on",
		Long: "skip turns the first record of a key into a dead letter of class skipped, in the transaction that takes\n" +
			"it out of the queue, so nothing is lost and it can be replayed. The records behind it go on.",
		Example: "  omninode parked skip payment 42 --reason 'paid by hand'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var core *engine.Core
			return a.act(c, args, s, "skip", func(ctx context.Context, d *desk, w postgres.Waiting) (err error) {
				if core == nil {
					if core, err = d.core(); err != nil {
						return err
					}
				}
				return d.store.Settle(ctx, core.Skip(w.Parked, why, time.Now()))
			})
		},
	}
	s.flags(a, c)
	c.Flags().StringVar(&why, "reason", "", "why; the dead letter says it")
	return c
}

// core knows the node's inputs, and so where their dead letters go.
func (d *desk) core() (*engine.Core, error) {
	var inputs []engine.Input
	for _, m := range d.contract.Inputs() {
		inputs = append(inputs, engine.Input{Type: m.Ref, Class: m.Class})
	}
	return engine.New(engine.Config{Node: d.contract.Node, Inputs: inputs})
}

// act shows the records that are meant, asks, and does something with each.
func (a *app) act(c *cobra.Command, args []string, s selection, verb string, do func(context.Context, *desk, postgres.Waiting) error) error {
	q, err := s.query(c, args[1:])
	if err != nil {
		return err
	}
	d, err := a.openDesk(c.Context(), args[0], s.url)
	if err != nil {
		return err
	}
	defer d.store.Close()
	list, err := d.choose(c.Context(), q)
	if err != nil {
		return err
	}
	if err := a.printParked(parkedRecords(list)); err != nil {
		return err
	}
	for _, w := range list {
		if w.First != w.ID {
			return mistake(codeBehind, fmt.Errorf("record %d waits behind record %d of its key: nothing was changed", w.ID, w.First),
				fmt.Sprintf("omninode parked %s %s %d", verb, args[0], w.First))
		}
	}
	if !s.yes {
		if err := a.confirm(c.InOrStdin(), codeUnasked, verb+" "+count(len(list), "record")+"?"); err != nil {
			return err
		}
	}
	for i, w := range list {
		err := do(c.Context(), d, w)
		switch {
		case errors.Is(err, engine.ErrConflict):
			return mistake(codeChanged, fmt.Errorf("record %d changed meanwhile: %d of %d done", w.ID, i, len(list)), "omninode parked list "+args[0])
		case err != nil:
			return databaseFailure(codeParked, err)
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s\n", verb, count(len(list), "record"))
	return err
}

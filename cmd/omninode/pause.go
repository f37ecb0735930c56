package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/postgres"
)

const (
	codeNoInput   = "ONEX_PAUSE_001_NO_SUCH_INPUT"
	codeNotPaused = "ONEX_PAUSE_002_NOT_PAUSED"
)

func newPauseCommand(a *app) *cobra.Command {
	var url, reason, by string
	c := &cobra.Command{
		Use:   "pause NODE [INPUT]",
		Short: "keep a node from handling its inputs, or one of them, without stopping it",
		Long: "pause is obeyed by all instances within about a second and outlives them, until resume. They stay\n" +
			"ready and in their group, and finish what is in hand; what comes waits in its topic. What was sent goes\n" +
			"on: the outbox is relayed, and schedules tick. Timers of workflows wait if the whole node is paused.",
		Example: "  omninode pause payment --reason 'gateway is down'\n  omninode pause payment charge-card.v1 --reason 'gateway is down'",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usage(c, errors.New("why? --reason TEXT tells those who find it paused"))
			}
			d, input, err := a.pausable(c, url, args)
			if err != nil {
				return err
			}
			defer d.store.Close()
			if by == "" {
				by, _ = a.env("USER")
			}
			if err := d.store.Pause(c.Context(), postgres.Pause{Input: input, Reason: reason, By: cmp.Or(by, "somebody")}); err != nil {
				return databaseFailure(codeParked, err)
			}
			_, err = fmt.Fprintf(a.stdout, "paused %s; to go on: omninode resume %s\n", cmp.Or(input, args[0]), strings.Join(args, " "))
			return err
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().StringVar(&reason, "reason", "", "why; required")
	c.Flags().StringVar(&by, "by", "", "who (default $USER)")
	return c
}

func newResumeCommand(a *app) *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:     "resume NODE [INPUT]",
		Short:   "let a node go on with everything that is paused, or with one input",
		Example: "  omninode resume payment\n  omninode resume payment charge-card.v1",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			d, input, err := a.pausable(c, url, args)
			if err != nil {
				return err
			}
			defer d.store.Close()
			n, err := d.store.Resume(c.Context(), input)
			if err != nil {
				return databaseFailure(codeParked, err)
			}
			left, err := d.store.Paused(c.Context())
			if err != nil {
				return databaseFailure(codeParked, err)
			}
			whole := slices.ContainsFunc(left, func(p postgres.Pause) bool { return p.Input == "" })
			switch {
			case whole:
				return mistake(codeNotPaused, fmt.Errorf("%s stays paused, because all of %s is", input, args[0]), "omninode resume "+args[0])
			case n == 0:
				return mistake(codeNotPaused, fmt.Errorf("%s is not paused", cmp.Or(input, args[0])), "omninode paused")
			}
			_, err = fmt.Fprintf(a.stdout, "resumed %s\n", cmp.Or(input, args[0]))
			return err
		},
	}
	a.databaseFlag(c, &url)
	return c
}

// pausable opens the schema of the node that is the first argument and finds the input that is the
// second; "" is the whole node.
func (a *app) pausable(c *cobra.Command, url string, args []string) (*desk, string, error) {
	d, err := a.openDesk(c.Context(), args[0], url)
	if err != nil || len(args) == 1 {
		return d, "", err
	}
	var known []string
	for _, m := range d.contract.Inputs() {
		if args[1] == m.Ref.String() || args[1] == m.Ref.Local() && m.Ref.Node == d.contract.Node {
			return d, m.Ref.String(), nil
		}
		known = append(known, m.Ref.String())
	}
	d.store.Close()
	return nil, "", mistake(codeNoInput, fmt.Errorf("%s has no input %q", args[0], args[1]), "choose one of "+strings.Join(known, ", "))
}

// pausedInput is a pause for people and machines.
type pausedInput struct {
	Node   string    `json:"node"`
	Input  string    `json:"input"` // "": the whole node
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

func newPausedCommand(a *app) *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "paused [NODE]",
		Short: "list what is paused, by whom and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			fleet, err := a.fleet()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				for _, c := range fleet.Contracts {
					args = append(args, c.Node)
				}
			}
			list := []pausedInput{}
			for _, node := range args {
				paused, err := a.pausedOf(c, fleet, node, url)
				if err != nil {
					return err
				}
				list = append(list, paused...)
			}
			if asJSON {
				return a.printJSON(list)
			}
			return a.printPaused(list)
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) pausedOf(c *cobra.Command, fleet *contract.Fleet, node, url string) ([]pausedInput, error) {
	found, err := a.find(fleet, node)
	if err != nil {
		return nil, err
	}
	d, err := a.deskOf(c.Context(), found, url)
	if err != nil {
		return nil, err
	}
	defer d.store.Close()
	paused, err := d.store.Paused(c.Context())
	if err != nil {
		return nil, databaseFailure(codeParked, err)
	}
	var list []pausedInput
	for _, p := range paused {
		list = append(list, pausedInput{Node: node, Input: p.Input, Since: p.At.UTC(), By: p.By, Reason: p.Reason})
	}
	return list, nil
}

func (a *app) printPaused(list []pausedInput) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is paused")
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tINPUT\tFOR\tBY\tREASON")
	for _, p := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Node, cmp.Or(p.Input, "all of them"), age(time.Since(p.Since)), oneLine(p.By, 40), oneLine(p.Reason, 200))
	}
	return w.Flush()
}

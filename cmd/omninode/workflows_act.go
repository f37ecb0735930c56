package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// obeyTimeout is how long a command waits for a process of the node to obey.
const obeyTimeout = 5 * time.Second

// request is what a person asks of an instance.
type request struct {
	url, step, reason string
	yes               bool
}

func (q *request) flags(a *app, c *cobra.Command) {
	a.databaseFlag(c, &q.url)
	c.Flags().StringVar(&q.reason, "reason", "", "why; the instance keeps it")
	c.Flags().BoolVarP(&q.yes, "yes", "y", false, "do not ask")
}

func newWorkflowsCancelCommand(a *app) *cobra.Command {
	var q request
	c := &cobra.Command{
		Use:   "cancel NODE KEY",
		Short: "cancel an instance: what succeeded is undone in reverse order",
		Long: "cancel takes no further step of an instance, undoes the steps that succeeded in reverse order and sends\n" +
			"the workflow's failed event, which says that it was cancelled. Workflows that it started go on.",
		Example: "  omninode workflows cancel checkout order-7 --reason 'customer called'",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, args, q, "cancel", func(f *file) (workflow.Ask, error) {
				if f.instance.End != "" {
					return workflow.Ask{}, fmt.Errorf("instance %s is %s: there is nothing to cancel", oneLine(args[1], 100), f.stored.Status)
				}
				return workflow.Ask{Cancel: true}, nil
			})
		},
	}
	q.flags(a, c)
	return c
}

func newWorkflowsRetryCommand(a *app) *cobra.Command {
	var q request
	c := &cobra.Command{
		Use:   "retry NODE KEY",
		Short: "try again what an instance is stuck with, or send a step's command again",
		Long: "retry builds again the message that could not be built. With --step it sends the command of a step that\n" +
			"waits for its answer once more, with the same idempotency key.",
		Example: "  omninode workflows retry checkout order-7\n  omninode workflows retry checkout order-7 --step charge",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, args, q, "retry", func(f *file) (workflow.Ask, error) { return f.retry(q.step) })
		},
	}
	q.flags(a, c)
	c.Flags().StringVar(&q.step, "step", "", "a step that waits for its answer; without it: what it is stuck with")
	return c
}

// retry returns what to ask so that a step is taken again.
func (f *file) retry(step string) (workflow.Ask, error) {
	ask := workflow.Ask{Step: step, Number: f.instance.Retries}
	var waiting []string
	for _, s := range f.def.Steps {
		if f.instance.End == "" && f.instance.Steps[s.Name] == workflow.Sent && s.Send != "" {
			waiting = append(waiting, s.Name)
		}
	}
	switch {
	case step == "" && f.instance.Stuck != nil, step != "" && slices.Contains(waiting, step):
		return ask, nil
	case len(waiting) > 0:
		return ask, fmt.Errorf("instance %s is %s; of its steps, --step can name %s", oneLine(f.stored.Key, 100), f.stored.Status, strings.Join(waiting, ", "))
	}
	return ask, fmt.Errorf("instance %s is %s: there is nothing to retry", oneLine(f.stored.Key, 100), f.stored.Status)
}

// ask shows an instance, asks, stores what is asked of it and waits until a process of the node has obeyed.
func (a *app) ask(c *cobra.Command, args []string, q request, verb string, choose func(*file) (workflow.Ask, error)) error {
	node := args[0]
	show := fmt.Sprintf("omninode workflows show %s %s", node, shellWord(args[1]))
	d, err := a.openWorkflow(c.Context(), node, q.url)
	if err != nil {
		return err
	}
	defer d.store.Close()
	f, err := d.instance(c.Context(), args[1])
	if err != nil {
		return err
	}
	ask, err := choose(f)
	if err != nil {
		return mistake(codeNothingToDo, err, show)
	}
	fmt.Fprint(a.stdout, a.paintLines(f.line().Lines(), false)+"\n")
	if !q.yes {
		if err := a.confirm(c.InOrStdin(), codeWorkflowUnasked, verb+" it?"); err != nil {
			return err
		}
	}
	because := engine.TimerCause{ID: f.instance.Cause, CorrelationID: f.instance.Chain, WorkflowID: node + ":" + f.stored.Key}
	err = d.store.Ask(c.Context(), f.stored, ask.String(), a.note(q.reason), because)
	switch {
	case errors.Is(err, engine.ErrConflict):
		return mistake(codeInstanceChanged, errors.New("the instance changed meanwhile, or this was asked already: nothing was asked"), show)
	case err != nil:
		return databaseFailure(codeParked, err)
	}
	return a.obeyed(c.Context(), d, f, verb)
}

// note says who asks, and why.
func (a *app) note(reason string) string {
	user, _ := a.env("USER")
	who := cmp.Or(user, "somebody")
	if reason != "" {
		who += ": " + reason
	}
	return oneLine(who, 500)
}

// obeyed waits until a process has obeyed, and says what became of the instance.
func (a *app) obeyed(ctx context.Context, d *desk, f *file, verb string) error {
	waiting, cancel := context.WithTimeout(ctx, obeyTimeout)
	defer cancel()
	for {
		list, err := d.store.Instances(ctx, postgres.InstanceQuery{Key: f.stored.Key})
		if err != nil {
			return databaseFailure(codeParked, err)
		}
		if len(list) == 1 && len(list[0].Asked) == 0 && list[0].Version > f.stored.Version {
			_, err := fmt.Fprintf(a.stdout, "%s: the instance is %s\n", verb, list[0].Status)
			return err
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_, err := fmt.Fprintf(a.stdout, "%s: asked; no process of %s has obeyed within %s: one does as soon as it runs\n", verb, d.contract.Node, obeyTimeout)
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

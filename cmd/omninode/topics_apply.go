package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/topic"
)

func newTopicsApplyCommand(a *app) *cobra.Command {
	var brokers string
	var allowed []string
	var yes, dryRun bool
	c := &cobra.Command{
		Use:   "apply",
		Short: "create topics that are missing and change what is safe to change",
		Long: "apply shows the plan, asks, and then creates what is missing and changes what loses no record and\n" +
			"moves no key. What is dangerous is left, unless --allow names its property: " + strings.Join(kafka.Properties(), ", ") + ".\n" +
			"Topics are never deleted.",
		Example: "  omninode topics apply --dry-run\n  omninode topics apply --yes\n  omninode topics apply --allow partitions",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, p := range allowed {
				if !slices.Contains(kafka.Properties(), p) {
					return usage(c, fmt.Errorf("--allow %s: %s are known", p, strings.Join(kafka.Properties(), ", ")))
				}
			}
			cluster, err := a.openCluster(brokers)
			if err != nil {
				return err
			}
			defer cluster.Close()
			plan, err := a.planTopics(c.Context(), cluster)
			if err != nil {
				return err
			}
			if err := a.printTopicPlan(plan); err != nil || dryRun {
				return err
			}
			todo := plan.todo(allowed)
			if todo.size() > 0 && !yes {
				if err := a.confirm(c.InOrStdin(), codeUnconfirmed, "apply "+count(todo.size(), "change")+"?"); err != nil {
					return err
				}
			}
			return a.applyTopics(c.Context(), cluster, plan, todo)
		},
	}
	brokersFlag(c, &brokers)
	c.Flags().StringSliceVar(&allowed, "allow", nil, "change this property although that is dangerous; may be given more than once")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show the plan and change nothing")
	return c
}

// topicWork is what apply does of a plan.
type topicWork struct {
	create []topic.Topic
	change []kafka.Difference
	left   int // differences that are not changed
}

func (w topicWork) size() int { return len(w.create) + len(w.change) }

func (p *topicPlan) todo(allowed []string) topicWork {
	var w topicWork
	for _, t := range p.Topics {
		if t.State == topicCreate {
			w.create = append(w.create, t.wanted)
		}
		for _, d := range t.Differences {
			if !d.change.Final && (d.Safe || slices.Contains(allowed, d.Property)) {
				w.change = append(w.change, d.change)
			} else {
				w.left++
			}
		}
	}
	return w
}

// applyTopics goes on after a topic that the cluster refuses, and reports each.
func (a *app) applyTopics(ctx context.Context, cluster *kafka.Client, plan *topicPlan, w topicWork) error {
	refused := plan.count(topicUnreadable)
	report := func(done string, err error) {
		if err != nil {
			refused++
			fmt.Fprintf(a.stdout, "%s %v\n", a.paint(a.stdout, red, "refused"), err)
			return
		}
		fmt.Fprintf(a.stdout, "%s\n", done)
	}
	for i, err := range cluster.CreateTopics(ctx, w.create) {
		report(fmt.Sprintf("created %s, %s", w.create[i].Name, described(w.create[i])), err)
	}
	for _, d := range w.change {
		report(fmt.Sprintf("changed %s: %s %s → %s", d.Topic, d.Property, d.Has, d.Wants), cluster.Change(ctx, d))
	}
	if w.left > 0 {
		fmt.Fprintf(a.stdout, "left %s that %s not safe to change: --allow PROPERTY, or see omninode topics plan --json for what else to do\n",
			count(w.left, "difference"), isAre(w.left))
	}
	if refused > 0 {
		return mistake(codeTopicsRefused, fmt.Errorf("the cluster refused %d of %d", refused, w.size()+plan.count(topicUnreadable)),
			"give this user the rights the messages name, or ask whoever runs the cluster; what was done is kept")
	}
	return nil
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

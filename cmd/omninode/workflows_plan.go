package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/workflow"
)

func newWorkflowsPlanCommand(a *app) *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan NODE",
		Short: "say what becomes of the instances that run under the contract as it is now",
		Long: "plan compares the workflow of the contract in the working tree with the definitions of the instances that\n" +
			"run. A node does not start while an instance can still reach a step that is gone; plan says so before\n" +
			"anything is built, with the exit code of a mistake.",
		Example: "  DATABASE_URL=… omninode workflows plan checkout",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.openWorkflow(c.Context(), args[0], url)
			if err != nil {
				return err
			}
			defer d.store.Close()
			p, err := d.planWorkflow(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(p)
			} else {
				err = a.printWorkflowPlan(p)
			}
			if refused := p.Refused(); err == nil && len(refused) > 0 {
				return mistake(onex.CodeWorkflow, fmt.Errorf("%s of instances that run cannot go on: a node with this contract does not start", count(len(refused), "step")), refused[0].Remedy)
			}
			return err
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (d *desk) planWorkflow(ctx context.Context) (workflow.Plan, error) {
	now := definitionOf(d.contract.Workflow)
	_, hash, err := now.Encode()
	if err != nil {
		return workflow.Plan{}, err
	}
	counts, err := d.store.StepCounts(ctx, workflow.LiveStatuses(), hash)
	if err != nil {
		return workflow.Plan{}, databaseFailure(codeParked, err)
	}
	return workflow.NewPlan(now, counts, func(hash string) (workflow.Definition, error) { return d.definition(ctx, hash) })
}

// definitionOf returns a contract's workflow as the node stores it.
func definitionOf(w *contract.Workflow) workflow.Definition {
	name := func(m *contract.Message) string {
		if m == nil {
			return ""
		}
		return m.Ref.String()
	}
	names := func(list []*contract.Message) []string {
		var refs []string
		for _, m := range list {
			refs = append(refs, name(m))
		}
		return refs
	}
	d := workflow.Definition{Start: name(w.Start), Completed: name(w.Completed), Failed: name(w.Failed)}
	for _, s := range w.Steps {
		d.Steps = append(d.Steps, workflow.Step{
			Name: s.Name, After: s.After, Send: name(s.Send), Success: names(s.Success), Failure: names(s.Failure), Undo: name(s.Undo),
			Timeout: workflow.Duration(s.Timeout), Delay: workflow.Duration(s.Delay), Replaces: s.Replaces,
		})
	}
	return d
}

func (a *app) printWorkflowPlan(p workflow.Plan) error {
	fmt.Fprintf(a.stdout, "the contract's definition is %s\n", workflow.Short(p.Now))
	if len(p.Definitions) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no instance runs")
		return err
	}
	for _, f := range p.Definitions {
		var parts []string
		for _, s := range workflow.LiveStatuses() {
			if n := f.Instances[s]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, s))
			}
		}
		own := ""
		if f.Definition == p.Now {
			own = ", which is the contract's: they go on as they are"
		}
		fmt.Fprintf(a.stdout, "\n%s of definition %s%s\n", strings.Join(parts, ", "), cmp.Or(workflow.Short(f.Definition), "none"), own)
		if err := a.printVerdicts(f.Steps); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printVerdicts(list []workflow.Finding) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, f := range list {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", cmp.Or(f.Step, "the end"), f.Verdict, f.Why)
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t%s\n", f.Remedy)
		}
	}
	return w.Flush()
}

package onex

import (
	"context"
	"errors"
	"fmt"

	"github.com/omninode-ai/omninode/onex/workflow"
)

// define stores the definition of the node's workflow and makes sure that this program can go on with every
// instance there is, whatever definition it began with. If it cannot, the node does not start.
func (m *member) define(ctx context.Context) error {
	if m.node.Workflow == nil {
		return nil
	}
	now := m.node.Workflow.Definition()
	data, hash, err := now.Encode()
	if err != nil {
		return &Error{Code: CodeNode, Err: fmt.Errorf("node %s: %w", m.node.Name, err)}
	}
	known := newDefinitions(m.store.Definition)
	m.routes = definedBy(m.routes, known)
	return m.until(ctx, partDatabase, func(ctx context.Context) error {
		if err := m.store.KeepDefinition(ctx, hash, m.node.Version, data); err != nil {
			return m.fatalDatabase(err)
		}
		counts, err := m.store.StepCounts(ctx, workflow.LiveStatuses(), hash)
		if err != nil {
			return err
		}
		plan, err := workflow.NewPlan(now, counts, func(hash string) (workflow.Definition, error) { return known.definition(ctx, hash) })
		if err != nil {
			return err
		}
		return m.refused(plan)
	})
}

// refused says which steps that instances can still reach this program cannot take.
func (m *member) refused(plan workflow.Plan) error {
	var errs []error
	for _, f := range plan.Refused() {
		what := "the end"
		if f.Step != "" {
			what = "step " + f.Step
		}
		errs = append(errs, fmt.Errorf("node %s: %s: %s; %s", m.node.Name, what, f.Why, f.Remedy))
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{
		Code: CodeWorkflow, Err: fmt.Errorf("instances of the workflow that are under way could not go on: %w", errors.Join(errs...)),
		Remedy: "run the earlier version until these instances have ended, or keep what they need",
	}
}

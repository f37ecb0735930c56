package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/workflow"
)

const (
	codeNoWorkflow      = "ONEX_WORKFLOW_002_NO_WORKFLOW"
	codeNoInstance      = "ONEX_WORKFLOW_003_NO_SUCH_INSTANCE"
	codeNothingToDo     = "ONEX_WORKFLOW_004_NOTHING_TO_DO"
	codeInstanceChanged = "ONEX_WORKFLOW_005_CHANGED_MEANWHILE"
	codeWorkflowUnasked = "ONEX_WORKFLOW_006_UNCONFIRMED"
	codeWorkflowState   = "ONEX_WORKFLOW_007_UNREADABLE"
)

func newWorkflowsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "workflows",
		Short: "list, show, cancel and retry instances of an orchestrator's workflow; plan a change of it",
		Long: "workflows works on the schema of an orchestrator ($DATABASE_URL), while the node runs. What a person asks of\n" +
			"an instance is stored beside it, and any process of the node obeys within about a second.",
	}
	c.AddCommand(newWorkflowsListCommand(a), newWorkflowsShowCommand(a), newWorkflowsCancelCommand(a), newWorkflowsRetryCommand(a), newWorkflowsPlanCommand(a))
	return c
}

// openWorkflow opens the schema of an orchestrator.
func (a *app) openWorkflow(ctx context.Context, node, url string) (*desk, error) {
	c, err := a.contractOf(node)
	if err != nil {
		return nil, err
	}
	if c.Workflow == nil {
		return nil, mistake(codeNoWorkflow, fmt.Errorf("%s is a %s: orchestrators have workflows", node, c.Kind), "omninode list")
	}
	return a.deskOf(ctx, c, url)
}

func newWorkflowsListCommand(a *app) *cobra.Command {
	var url, definition string
	var statuses []string
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "list NODE",
		Short: "list instances, those that changed last first",
		Example: "  omninode workflows list checkout --status halted\n" +
			"  omninode workflows list checkout --status running,undoing --json | jq -r '.[].key'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, s := range statuses {
				if !slices.Contains(workflow.Statuses(), s) {
					return usage(c, fmt.Errorf("--status %s: %s are known", s, strings.Join(workflow.Statuses(), ", ")))
				}
			}
			if limit < 1 {
				return usage(c, fmt.Errorf("--limit %d: it must be more than nothing", limit))
			}
			d, err := a.openWorkflow(c.Context(), args[0], url)
			if err != nil {
				return err
			}
			defer d.store.Close()
			list, err := d.store.Instances(c.Context(), postgres.InstanceQuery{Statuses: statuses, Definition: definition, Limit: limit})
			if err != nil {
				return databaseFailure(codeParked, err)
			}
			views, err := instanceViews(list)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(views)
			}
			return a.printInstances(views, limit)
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().StringSliceVar(&statuses, "status", nil, "only these: "+strings.Join(workflow.Statuses(), ", "))
	c.Flags().StringVar(&definition, "definition", "", "only of this definition: the beginning of its hash")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// instanceView is an instance in a list, for people and machines.
type instanceView struct {
	Key        string            `json:"key"`
	Status     workflow.Status   `json:"status"`
	Definition string            `json:"definition"`
	Started    time.Time         `json:"started"`
	Changed    time.Time         `json:"changed"` // when its status did
	Steps      map[string]string `json:"steps"`   // state by step; one that is not begun is missing
	Due        *time.Time        `json:"due"`     // when its next timer fires; null: it has none
	Reason     string            `json:"reason,omitempty"`
	Stuck      *workflow.Stuck   `json:"stuck,omitempty"`
	Asked      []string          `json:"asked,omitempty"` // by people, and not obeyed yet
}

func instanceViews(list []postgres.Instance) ([]instanceView, error) {
	views := make([]instanceView, 0, len(list))
	for _, stored := range list {
		i, err := readInstance(stored)
		if err != nil {
			return nil, err
		}
		v := instanceView{
			Key: stored.Key, Status: stored.Status, Definition: stored.Definition, Started: stored.Started.UTC(), Changed: stored.Changed.UTC(),
			Steps: i.Steps, Reason: i.Reason, Stuck: i.Stuck, Asked: stored.Asked,
		}
		if !stored.Due.IsZero() {
			v.Due = new(stored.Due.UTC())
		}
		views = append(views, v)
	}
	return views, nil
}

func readInstance(stored postgres.Instance) (*workflow.Instance, error) {
	i, err := workflow.Read(stored.State)
	if err != nil {
		return nil, mistake(codeWorkflowState, fmt.Errorf("instance %s: %w", oneLine(stored.Key, 100), err), "the node's version and this command's differ: use the command of that version")
	}
	return i, nil
}

func (a *app) printInstances(list []instanceView, limit int) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stdout, "there is no such instance")
		return err
	}
	now := time.Now()
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tSTATUS\tFOR\tDONE\tWAITS IN\tNEXT TIMER\tDEFINITION\tREASON")
	for _, v := range list {
		waits, done := v.progress()
		due := "none"
		if v.Due != nil {
			due = "in " + age(v.Due.Sub(now))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", oneLine(v.Key, 40), v.Status, age(now.Sub(v.Changed)), done,
			cmp.Or(strings.Join(waits, ", "), "nothing"), due, workflow.Short(v.Definition), oneLine(v.why(), 80))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(list) == limit {
		fmt.Fprintln(a.stderr, "there may be more than "+strconv.Itoa(limit)+": --limit, --status")
	}
	return nil
}

// progress returns which steps wait for an answer and how many succeeded.
func (v instanceView) progress() (waits []string, done int) {
	for step, state := range v.Steps {
		switch state {
		case workflow.Sent:
			waits = append(waits, step)
		case workflow.Succeeded:
			done++
		}
	}
	slices.Sort(waits)
	return waits, done
}

// why says why an instance failed or is stuck.
func (v instanceView) why() string {
	if v.Stuck != nil {
		return v.Stuck.Error
	}
	return v.Reason
}

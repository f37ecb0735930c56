package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/timeline"
	"github.com/omninode-ai/omninode/onex/workflow"
)

func newWorkflowsShowCommand(a *app) *cobra.Command {
	var url, format, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show NODE KEY",
		Short: "draw one instance over time: what each step did, what it waits for, and what to do",
		Example: "  omninode workflows show checkout 018f3c1a-7f42-7a10-8a44-000000000001\n" +
			"  omninode workflows show checkout order-7 --format svg -o order-7.svg",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if format != "text" && format != "svg" {
				return usage(c, fmt.Errorf("--format %s: text and svg are known", format))
			}
			d, err := a.openWorkflow(c.Context(), args[0], url)
			if err != nil {
				return err
			}
			defer d.store.Close()
			f, err := d.instance(c.Context(), args[1])
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return a.printJSON(f.line())
			case format == "svg":
				return a.writeOut(out, f.line().SVG())
			}
			text := a.paintLines(f.line().Lines(), out != "")
			return a.writeOut(out, []byte(text+f.advice(args[0])))
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().StringVar(&format, "format", "text", "text or svg")
	c.Flags().StringVarP(&out, "output", "o", "", "file to write to")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// file is all that is stored of an instance.
type file struct {
	stored   postgres.Instance
	instance *workflow.Instance
	def      workflow.Definition
}

// instance finds the instance of a key.
func (d *desk) instance(ctx context.Context, key string) (*file, error) {
	list, err := d.store.Instances(ctx, postgres.InstanceQuery{Key: key})
	if err != nil {
		return nil, databaseFailure(codeParked, err)
	}
	if len(list) == 0 {
		return nil, mistake(codeNoInstance, fmt.Errorf("%s has no instance %q", d.contract.Node, oneLine(key, 100)), "omninode workflows list "+d.contract.Node)
	}
	f := &file{stored: list[0]}
	if f.instance, err = readInstance(f.stored); err != nil {
		return nil, err
	}
	f.def, err = d.definition(ctx, f.stored.Definition)
	return f, err
}

// definition returns the one that is stored under a hash; the contract's, if an instance is older than
// definitions are.
func (d *desk) definition(ctx context.Context, hash string) (workflow.Definition, error) {
	if hash == "" {
		return definitionOf(d.contract.Workflow), nil
	}
	data, err := d.store.Definition(ctx, hash)
	switch {
	case errors.Is(err, postgres.ErrNoDefinition):
		return workflow.Definition{}, mistake(codeWorkflowState, err, "restore table workflow of the node's schema: its instances go on by what is stored there")
	case err != nil:
		return workflow.Definition{}, databaseFailure(codeParked, err)
	}
	def, err := workflow.Parse(data, hash)
	if err != nil {
		return def, mistake(codeWorkflowState, err, "restore table workflow of the node's schema: its instances go on by what is stored there")
	}
	return def, nil
}

func (f *file) line() *timeline.Timeline { return timeline.New(f.def, f.instance, time.Now()) }

// advice says what a person can do.
func (f *file) advice(node string) string {
	key := shellWord(f.stored.Key)
	switch {
	case len(f.stored.Asked) > 0:
		return "\nsomething was asked of it, and no process of the node has obeyed yet\n"
	case f.instance.Stuck != nil:
		return fmt.Sprintf("\nnext:  mend what is wrong, then omninode workflows retry %s %s\n", node, key)
	case f.instance.End == "" && workflow.Live(f.stored.Status):
		return fmt.Sprintf("\nnext:  omninode why %s/%s, or omninode workflows cancel %[1]s %[2]s\n", node, key)
	}
	return ""
}

// shellWord quotes a word for a shell, if it needs that.
func shellWord(s string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/@+,", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

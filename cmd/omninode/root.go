package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
)

// app is the outside world of a command.
type app struct {
	env    func(string) (string, bool) // like os.LookupEnv
	stdout io.Writer                   // results
	stderr io.Writer                   // progress and errors
	nodes  string                      // --nodes: the folder of the fleet's contracts
}

// run executes one command line and returns the exit code of the process.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	a := &app{env: env, stdout: stdout, stderr: stderr}
	root := newRootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &failure{Exit: exitInterrupted, Code: codeInterrupted, Err: errors.New("interrupted")}
	}
	return a.report(err)
}

// Groups of commands in the help.
const (
	groupWrite = "write"
	groupAsk   = "ask"
	groupRun   = "run"
	groupShip  = "ship"
)

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "omninode",
		Short: "From a contract to a running, registered, observable node",
		Long: "omninode turns a contract (YAML) into a running, registered, observable event-driven service,\n" +
			"and proves it on the real backends before it ships.",
		Version:       version().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("omninode {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&a.nodes, "nodes", "nodes", "folder that holds one folder per node")
	root.AddGroup(
		&cobra.Group{ID: groupWrite, Title: "Write nodes:"},
		&cobra.Group{ID: groupAsk, Title: "Ask about them:"},
		&cobra.Group{ID: groupRun, Title: "Run them:"},
		&cobra.Group{ID: groupShip, Title: "Ship them:"},
	)
	group(root, groupWrite, newInitCommand(a), newNewCommand(a), newImportCommand(a), newValidateCommand(a), newUpgradeCommand(a), newExplainCommand(a), newLSPCommand(a), newGenerateCommand(a))
	group(root, groupAsk, newListCommand(a), newShowCommand(a), newTopicsCommand(a), newSchemaCommand(a), newDiffCommand(a))
	group(root, groupAsk, newGraphCommand(a), newExportCommand(a))
	group(root, groupRun, newE2ECommand(a), newDevCommand(a), newSimCommand(a), newDLQCommand(a), newMigrateCommand(a), newSeedCommand(a), newDoctorCommand(a), newParkedCommand(a))
	group(root, groupRun, newPauseCommand(a), newResumeCommand(a), newPausedCommand(a))
	group(root, groupAsk, newWhyCommand(a), newReplayCommand(a))
	group(root, groupRun, newWorkflowsCommand(a))
	group(root, groupShip, newDeployCommand(a))
	group(root, groupAsk, newConfigCommand(a))
	root.AddCommand(newVersionCommand(a))
	root.AddCommand(newProbeCommand(a), newCaptureCommand(a), newForwardCommand(a), newPackCommand(a)) // for the pipeline
	return root
}

// group adds commands to root under one heading of its help.
func group(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

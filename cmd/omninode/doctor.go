package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/pipeline"
)

// Levels of a finding.
const (
	levelOK      = "ok"
	levelMissing = "missing" // something cannot be done; Cost says what
	levelBroken  = "broken"  // the scenarios on embedded backends cannot run
)

// finding is what doctor says about one thing.
type finding struct {
	Name   string `json:"name"`
	Level  string `json:"level"`
	Found  string `json:"found"`
	Cost   string `json:"cost,omitempty"`   // what does not work
	Remedy string `json:"remedy,omitempty"` // what to do about it
}

func newDoctorCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "check this machine and say what each missing thing costs",
		Long: "doctor looks at what the commands need of this machine. The exit code is 0 as long as the scenarios on\n" +
			"embedded backends (omninode e2e) can run; what the pipeline lacks is only told.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m := machine{root: ".", env: a.env}
			if module, err := findModule(a.nodes); err == nil {
				m.root = module.Root
			}
			return a.doctor(c.Context(), m, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// examine runs all checks at once and returns their findings in order.
func (m machine) examine(ctx context.Context) []finding {
	checks := []func(context.Context) finding{
		m.goToolchain, m.disk, m.memory, m.postgres, m.ports, m.docker, m.dagger, m.registry, m.cgroup,
	}
	findings := make([]finding, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { findings[i] = check(ctx) })
	}
	wg.Wait()
	return findings
}

func (a *app) doctor(ctx context.Context, m machine, asJSON bool) error {
	findings := m.examine(ctx)
	if asJSON {
		if err := a.printJSON(findings); err != nil {
			return err
		}
	} else {
		a.printFindings(findings)
	}
	for _, f := range findings {
		if f.Level == levelBroken {
			return silent(exitEnvironment)
		}
	}
	return nil
}

func (a *app) printFindings(findings []finding) {
	out := console.New(console.Config{W: a.stdout, Env: a.env})
	defer out.Close()
	colours := map[string]console.Style{levelOK: console.Green, levelMissing: console.Yellow, levelBroken: console.Red}
	broken, missing := 0, 0
	for _, f := range findings {
		out.Print("%s %-9s %s", out.Paint(colours[f.Level], fmt.Sprintf("%-7s", f.Level)), f.Name, f.Found)
		if f.Level == levelOK {
			continue
		}
		out.Print("%18scosts:  %s", "", f.Cost)
		out.Print("%18sremedy: %s", "", f.Remedy)
		if f.Level == levelBroken {
			broken++
		} else {
			missing++
		}
	}
	switch {
	case broken > 0:
		out.Print("\n%s", out.Paint(console.Red, "make e2e cannot work here before what is broken is mended"))
	case missing > 0:
		out.Print("\nmake e2e works here; %s", pipelineOutlook(findings))
	default:
		out.Print("\neverything works here")
	}
}

// pipelineOutlook says how make pipeline would run here.
func pipelineOutlook(findings []finding) string {
	for _, f := range findings {
		if f.Name == nameDagger && f.Level != levelOK {
			return "make pipeline would first build what it needs with: " + pipeline.AirgapCommand + " up"
		}
	}
	return "make pipeline has an engine to run on"
}

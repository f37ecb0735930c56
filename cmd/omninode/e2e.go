package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/e2e"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/local"
)

const (
	codeStack      = "ONEX_E2E_001_STACK"
	codeNoScenario = "ONEX_E2E_002_UNKNOWN_SCENARIO"
)

// Where scenarios run.
const (
	onEmbedded = "embedded"
	onReal     = "real"
	onStack    = "stack"
)

// e2eOptions is what the flags of e2e say.
type e2eOptions struct {
	on, phase, junit, binary, broken string

	cases    []string
	asJSON   bool
	patience time.Duration
}

func newE2ECommand(a *app) *cobra.Command {
	var o e2eOptions
	c := &cobra.Command{
		Use:   "e2e",
		Short: "run the shop's scenarios on embedded or on real backends",
		Long: "e2e judges the shop by its scenarios. The last line is the verdict.\n\n" +
			"  --on embedded   builds the fleet and runs it on backends in this process: seconds, only Go needed\n" +
			"  --on real       runs the whole pipeline through Dagger: images, Vault, Consul, Kafka, Postgres\n" +
			"  --on stack      only judges what runs already, at the addresses in the environment",
		Example: "  omninode e2e\n  omninode e2e --cases checkout,poison\n  omninode e2e --cases list",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.e2e(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.on, "on", onEmbedded, "embedded, real or stack")
	f.StringSliceVar(&o.cases, "cases", nil, "scenarios to run, or list (default all)")
	f.StringVar(&o.phase, "phase", string(e2e.Running), "with --on stack: running, or stopped once the nodes were stopped")
	f.StringVar(&o.junit, "junit", "", "file to write JUnit XML to (default .omninode/report/e2e.xml with --on embedded)")
	f.StringVar(&o.binary, "bin", "", "with --on embedded: a built fleet, instead of building it")
	f.StringVar(&o.broken, "break", "", "with --on real: vault, consul, kafka, postgres or handler; the run must fail and name it")
	f.DurationVar(&o.patience, "patience", e2e.DefaultPatience, "how long a scenario waits for one thing")
	f.BoolVar(&o.asJSON, "json", false, "print JSON; progress goes to standard error")
	c.AddCommand(newGatewayCommand(a))
	return c
}

func (a *app) e2e(c *cobra.Command, o e2eOptions) error {
	if slices.Equal(o.cases, []string{"list"}) {
		return a.listScenarios(o.asJSON)
	}
	if _, err := e2e.Select(e2e.Running, o.cases); err != nil {
		return mistake(codeNoScenario, err, "omninode e2e --cases list")
	}
	if o.broken != "" && o.on != onReal {
		return usage(c, fmt.Errorf("--break needs --on %s", onReal))
	}
	switch o.on {
	case onEmbedded:
		return a.e2eEmbedded(c.Context(), o)
	case onReal:
		return a.e2eReal(c.Context(), o)
	case onStack:
		return a.e2eStack(c, o)
	default:
		return usage(c, fmt.Errorf("--on %q: %s, %s and %s are known", o.on, onEmbedded, onReal, onStack))
	}
}

func (a *app) listScenarios(asJSON bool) error {
	type scenario struct {
		Name  string    `json:"name"`
		Phase e2e.Phase `json:"phase"`
		Doc   string    `json:"doc"`
	}
	var list []scenario
	for _, s := range e2e.Scenarios() {
		list = append(list, scenario{s.Name, s.Phase, s.Doc})
	}
	if asJSON {
		return a.printJSON(list)
	}
	for _, s := range list {
		fmt.Fprintf(a.stdout, "%-16s %-8s %s\n", s.Name, s.Phase, s.Doc)
	}
	return nil
}

// judge is one run of scenarios as a person sees it.
type judge struct {
	a       *app
	o       e2eOptions
	console *console.Console
	results []e2e.Result
	log     string // of the nodes; "" if they are not ours
}

func (a *app) newJudge(o e2eOptions) *judge {
	w := a.stdout
	if o.asJSON {
		w = a.stderr
	}
	return &judge{a: a, o: o, console: console.New(console.Config{W: w, Env: a.env})}
}

func (a *app) e2eStack(c *cobra.Command, o e2eOptions) error {
	phase := e2e.Phase(o.phase)
	if phase != e2e.Running && phase != e2e.Stopped {
		return usage(c, fmt.Errorf("--phase %q: %s and %s are known", o.phase, e2e.Running, e2e.Stopped))
	}
	cfg, err := e2e.FromEnv(a.env)
	if err != nil {
		return lacking(codeStack, err, "omninode e2e --on embedded")
	}
	j := a.newJudge(o)
	defer j.console.Close()
	return j.conclude(c.Context(), j.phase(c.Context(), cfg, phase))
}

// phase runs the scenarios of a phase on a stack and keeps their results. The error says why the
// stack could not be judged.
func (j *judge) phase(ctx context.Context, cfg e2e.Config, phase e2e.Phase) error {
	scenarios, err := e2e.Select(phase, j.o.cases)
	if err != nil || len(scenarios) == 0 {
		return err
	}
	s, err := e2e.Open(ctx, cfg, j.o.patience)
	if err != nil {
		return err
	}
	step := j.console.Step(fmt.Sprintf("%d scenarios, nodes %s", len(scenarios), phase))
	left := len(scenarios)
	results := e2e.Run(ctx, s, scenarios, func(r e2e.Result) {
		left--
		step.Say(fmt.Sprintf("%d to go", left))
		if ctx.Err() == nil && !r.Passed() {
			j.console.Print("%s %s: %s", j.console.Paint(console.Red, "FAIL"), r.Name, firstLine(r.Error))
		}
	})
	j.results = append(j.results, results...)
	_ = step.End(ctx.Err())
	return errors.Join(ctx.Err(), s.Close())
}

// embeddedReport is where an embedded run leaves its report unless told otherwise.
func embeddedReport(root string) string { return filepath.Join(root, ".omninode", "report") }

func (a *app) e2eEmbedded(ctx context.Context, o e2eOptions) error {
	module, err := findModule(a.nodes)
	if err != nil {
		return err
	}
	report := embeddedReport(module.Root)
	if err := os.MkdirAll(report, 0o755); err != nil {
		return mistake(codeUnwritable, err, "")
	}
	if o.junit == "" {
		o.junit = filepath.Join(report, "e2e.xml")
	}
	log, err := os.Create(filepath.Join(report, "nodes.log"))
	if err != nil {
		return mistake(codeUnwritable, err, "")
	}
	defer log.Close()
	j := a.newJudge(o)
	defer j.console.Close()
	j.log = log.Name()
	return j.conclude(ctx, j.embedded(ctx, local.Config{
		Root: module.Root, Contracts: a.nodes, Console: j.console, Env: a.env, Binary: o.binary, Log: log,
	}))
}

// embedded runs the fleet on embedded backends and judges it, running and stopped.
func (j *judge) embedded(ctx context.Context, cfg local.Config) (err error) {
	s, err := local.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		step := j.console.Step("stop backends")
		err = errors.Join(err, step.End(s.Close()))
	}()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this command: %w", err)
	}
	stack := s.E2E(self)
	if err := j.phase(ctx, stack, e2e.Running); err != nil {
		return err
	}
	step := j.console.Step("stop nodes")
	if err := step.End(s.StopFleet()); err != nil {
		return err
	}
	return j.phase(ctx, stack, e2e.Stopped)
}

// conclude writes the report and prints the table, what failed, the next command and the verdict.
// broken says why the scenarios could not be judged; those that were not count as failed.
func (j *judge) conclude(ctx context.Context, broken error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	if broken != nil {
		j.notReached(broken)
		j.console.Print("%s %v", j.console.Paint(console.Red, "FAIL"), broken)
	}
	if j.o.junit != "" {
		if err := j.writeJUnit(); err != nil {
			return mistake(codeUnwritable, err, "")
		}
	}
	j.table()
	failed := slices.ContainsFunc(j.results, func(r e2e.Result) bool { return !r.Passed() })
	if j.o.asJSON {
		if err := j.a.printJSON(j.summary()); err != nil {
			return err
		}
	}
	if failed {
		j.explain(broken)
	}
	j.console.Print("%s", j.console.Paint(colourOf(failed), e2e.Verdict(j.results)))
	if failed {
		return silent(exitMistake)
	}
	return nil
}

func colourOf(failed bool) console.Style {
	if failed {
		return console.Red
	}
	return console.Green
}

// notReached adds a failed result for each scenario that could not be run.
func (j *judge) notReached(cause error) {
	for _, s := range e2e.Scenarios() {
		wanted := len(j.o.cases) == 0 || slices.Contains(j.o.cases, s.Name)
		known := slices.ContainsFunc(j.results, func(r e2e.Result) bool { return r.Name == s.Name })
		if j.o.on == onStack && string(s.Phase) != j.o.phase {
			wanted = false
		}
		if wanted && !known {
			text := "not reached: " + firstLine(cause.Error())
			j.results = append(j.results, e2e.Result{Name: s.Name, Doc: s.Doc, Phase: s.Phase, Error: text})
		}
	}
}

func (j *judge) table() {
	rows := make([]console.Row, 0, len(j.results))
	for _, r := range j.results {
		rows = append(rows, console.Row{Name: r.Name, Took: r.Took, Failed: !r.Passed(), Note: r.Doc})
	}
	j.console.Print("")
	j.console.Table("steps", j.console.Rows())
	j.console.Table("scenarios", rows)
}

// explain prints what was seen where a scenario failed, and what to do next.
func (j *judge) explain(broken error) {
	var names []string
	for _, r := range j.results {
		if r.Passed() || strings.HasPrefix(r.Error, "not reached: ") {
			continue
		}
		names = append(names, r.Name)
		j.console.Print("\n%s\n  %s", j.console.Paint(console.Bold, r.Name), strings.ReplaceAll(r.Error, "\n", "\n  "))
	}
	if j.log != "" {
		j.console.Print("\nlog of the nodes: %s", j.log)
	}
	if len(names) > 0 {
		j.console.Print("next: omninode e2e --on %s --cases %s", j.o.on, strings.Join(names, ","))
	} else if broken != nil {
		j.console.Print("next: omninode doctor")
	}
}

func (j *judge) writeJUnit() error {
	return writeFile(j.o.junit, func(w io.Writer) error { return e2e.WriteJUnit(w, j.o.on, j.results) })
}

// writeFile writes a file through w, replacing it only when all was written.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}

type e2eSummary struct {
	On      string       `json:"on"`
	Verdict string       `json:"verdict"`
	Steps   []stepTime   `json:"steps"`
	Results []e2e.Result `json:"results"`
}

type stepTime struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Failed  bool    `json:"failed,omitempty"`
}

func (j *judge) summary() e2eSummary {
	s := e2eSummary{On: j.o.on, Verdict: e2e.Verdict(j.results), Results: j.results}
	for _, r := range j.console.Rows() {
		s.Steps = append(s.Steps, stepTime{r.Name, r.Took.Seconds(), r.Failed})
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/process"
	"github.com/omninode-ai/omninode/onex/onextest/simulation"
)

const (
	codeSimBuild  = "ONEX_SIM_001_BUILD"
	codeSimBroken = "ONEX_SIM_002_BROKEN"
	codeSimUnable = "ONEX_SIM_003_UNABLE"
)

// simOptions is what the flags of sim say.
type simOptions struct {
	seeds, plant, trace string

	records, processes, partitions int
	asJSON                         bool
}

func newSimCommand(a *app) *cobra.Command {
	var o simOptions
	c := &cobra.Command{
		Use:   "sim [NODE]",
		Short: "run the real handlers through thousands of faults, on one goroutine and under a seed",
		Long: "sim runs the handlers of a node, or of the fleet, with the delivery core on a log, stores and an outside\n" +
			"world in memory. A seed decides at every step who goes on and what goes wrong. The same seed takes the\n" +
			"same steps and has the same hash. A seed that breaks a promise is made short and kept as a trace.",
		Example: "  omninode sim --seed 1..1000\n  omninode sim payment --seed 7\n  omninode sim --trace .omninode/sim/seed-7.json\n" +
			"  omninode sim --plant select-then-write --seed 1..10",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.sim(c, o, append(args, "fleet")[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.seeds, "seed", "1..100", "seeds: A..B, or one")
	f.IntVar(&o.records, "records", 2000, "records that the log gets before no more come from outside")
	f.IntVar(&o.processes, "processes", 2, "processes of each node")
	f.IntVar(&o.partitions, "partitions", 2, "partitions of each topic")
	f.StringVar(&o.plant, "plant", "", "put a bug in, to see that it is found: "+plantNames())
	f.StringVar(&o.trace, "trace", "", "a trace to see again, in place of seeds")
	f.BoolVar(&o.asJSON, "json", false, "print JSON; progress goes to standard error")
	return c
}

func plantNames() string {
	names := make([]string, 0, len(simulation.Plants()))
	for _, p := range simulation.Plants() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

func (a *app) sim(c *cobra.Command, o simOptions, node string) error {
	if err := o.check(); err != nil {
		return usage(c, err)
	}
	f, err := a.fleet()
	if err != nil {
		return err
	}
	if node != "fleet" {
		if _, err := a.find(f, node); err != nil {
			return err
		}
	}
	s := &simulator{a: a, o: o, node: node}
	w := a.stdout
	if o.asJSON || o.trace != "" {
		w = a.stderr
	}
	s.console = console.New(console.Config{W: w, Env: a.env})
	defer s.console.Close()
	step := s.console.Step("build the simulation")
	if err := step.End(s.build(c.Context(), f)); err != nil {
		return err
	}
	if o.trace != "" {
		return s.replay(c.Context())
	}
	return s.seeds(c.Context())
}

func (o simOptions) check() error {
	if _, _, err := simulation.ParseSeeds(o.seeds); err != nil {
		return err
	}
	if o.plant != "" && !strings.Contains(", "+plantNames()+",", ", "+o.plant+",") {
		return fmt.Errorf("--plant %q: %s are known", o.plant, plantNames())
	}
	for name, n := range map[string]int{"records": o.records, "processes": o.processes, "partitions": o.partitions} {
		if n < 1 {
			return fmt.Errorf("--%s is %d; use at least 1", name, n)
		}
	}
	if o.trace != "" {
		if _, err := simulation.ReadTrace(o.trace); err != nil {
			return err
		}
	}
	return nil
}

// simulator is one run of omninode sim.
type simulator struct {
	a       *app
	o       simOptions
	node    string
	console *console.Console

	dir, binary string
}

// build writes the program that holds the fleet's handlers, and compiles it.
func (s *simulator) build(ctx context.Context, f *contract.Fleet) error {
	layout, err := s.a.layout()
	if err != nil {
		return err
	}
	module, err := findModule(s.a.nodes)
	if err != nil {
		return err
	}
	s.dir = filepath.Join(module.Root, ".omninode", "sim")
	s.binary = filepath.Join(module.Root, ".omninode", "bin", "sim")
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return lacking(codeUnwritable, err, "")
	}
	source := simProgram(f, path.Join(layout.Module, layout.Dir))
	if err := os.WriteFile(filepath.Join(s.dir, "main.go"), source, 0o600); err != nil {
		return lacking(codeUnwritable, err, "")
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.binary, s.dir)
	cmd.Dir = module.Root
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return mistake(codeSimBuild, fmt.Errorf("the fleet does not compile: %w\n%s", err, bytes.TrimSpace(out)), "omninode generate, then mend what the compiler says")
	}
	return nil
}

// simProgram returns the source of the program.
func simProgram(f *contract.Fleet, nodes string) []byte {
	var b bytes.Buffer
	b.WriteString("// Code generated by omninode sim; DO NOT EDIT.\n\npackage main\n\nimport (\n")
	for i, c := range f.Contracts {
		fmt.Fprintf(&b, "\tn%d %s\n", i, strconv.Quote(path.Join(nodes, c.Node)))
	}
	for _, p := range []string{"onex", "onex/event", "onex/onextest/simulation"} {
		fmt.Fprintf(&b, "\t%s\n", strconv.Quote(ownModule+"/"+p))
	}
	b.WriteString(")\n\nfunc main() {\n\tsimulation.Main(simulation.Fleet{\n\t\tNodes: []onex.Node{")
	for i := range f.Contracts {
		fmt.Fprintf(&b, "n%d.Node(), ", i)
	}
	b.WriteString("},\n\t\tInputs: map[event.Ref]simulation.Sample{\n")
	identities := map[*contract.Message]string{}
	for _, c := range f.Contracts {
		for _, h := range c.Handles {
			identities[h.Input] = h.IdempotencyKey
		}
	}
	for _, c := range f.Contracts {
		for _, m := range c.Messages {
			fmt.Fprintf(&b, "\t\t\tevent.MustRef(%q): {Data: []byte(%q), Key: %q, Vary: %#v},\n", m.Ref, m.Data.Example(), m.Key, varied(m, identities[m]))
		}
	}
	b.WriteString("\t\t},\n\t})\n}\n")
	return b.Bytes()
}

// varied returns the properties of a message that may have any value of their kind, of those that tell
// records apart: the key and what identifies an input.
func varied(m *contract.Message, identity string) []string {
	list := []string{}
	for _, p := range m.Data.Schema.Properties {
		if (p.Name == m.Key || p.Name == identity) && open(p.Schema) {
			list = append(list, p.Name)
		}
	}
	return list
}

// open reports whether a schema takes every UUID, every small number, or every short text.
func open(s *contract.Schema) bool {
	switch {
	case s.Format == "uuid":
		return true
	case s.Type == "integer":
		return s.Maximum == nil || len(*s.Maximum) > 6
	}
	return s.Type == "string" && s.Format == "" && s.Pattern == "" && len(s.Enum) == 0 && s.MinLength == nil && (s.MaxLength == nil || *s.MaxLength >= 8)
}

// seeds runs seeds and shows what they led to.
func (s *simulator) seeds(ctx context.Context) error {
	step := s.console.Step("simulate " + s.node)
	var out bytes.Buffer
	said := &teller{say: step.Say}
	exit, err := s.run(ctx, &out, said,
		"-seed", s.o.seeds, "-node", s.node, "-records", strconv.Itoa(s.o.records), "-processes", strconv.Itoa(s.o.processes),
		"-partitions", strconv.Itoa(s.o.partitions), "-plant", s.o.plant, "-dir", s.dir, "-json")
	var r simulation.Report
	if err == nil && json.Unmarshal(out.Bytes(), &r) != nil {
		err = mistake(codeSimUnable, errors.New(said.last(exit)), "omninode sim --help")
	}
	if err != nil {
		return step.End(err)
	}
	if r.Broken == 0 {
		_ = step.End(nil)
	} else {
		_ = step.End(fmt.Errorf("%d of %s broke a promise", r.Broken, count(r.Seeds, "seed")))
	}
	if s.o.asJSON {
		if err := s.a.printJSON(r); err != nil {
			return err
		}
	} else {
		r.Print(s.a.stdout)
	}
	if r.Broken == 0 {
		return nil
	}
	return mistake(codeSimBroken, errors.New(r.Failures[0].Broken.Error()), "omninode sim --trace "+r.Shrunk.File)
}

// replay shows a trace again.
func (s *simulator) replay(ctx context.Context) error {
	args := []string{"-trace", s.o.trace}
	if s.o.asJSON {
		args = append(args, "-json")
	}
	said := &teller{say: func(string) {}}
	exit, err := s.run(ctx, s.a.stdout, said, args...)
	switch {
	case err != nil:
		return err
	case exit == 0:
		return nil
	case exit == exitMistake:
		return silent(exitMistake)
	}
	return mistake(codeSimUnable, errors.New(said.last(exit)), "")
}

// run runs the program, which does not outlive this one.
func (s *simulator) run(ctx context.Context, stdout, stderr io.Writer, args ...string) (exit int, err error) {
	runtime.LockOSThread() // the death signal follows the thread
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	process.Tie(cmd, syscall.SIGKILL)
	err = cmd.Run()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode(), nil
	}
	return 0, err
}

// teller hands on what the program says about its progress, and keeps what else it says.
type teller struct {
	say  func(string)
	part []byte
	rest []string
}

// Write implements io.Writer.
func (t *teller) Write(p []byte) (int, error) {
	t.part = append(t.part, p...)
	for {
		line, more, found := bytes.Cut(t.part, []byte("\n"))
		if !found {
			return len(p), nil
		}
		t.part = more
		if text, is := strings.CutPrefix(string(line), simulation.Progress); is {
			t.say(text)
		} else if len(line) > 0 {
			t.rest = append(t.rest, string(line))
		}
	}
}

// last returns what the program said at last.
func (t *teller) last(exit int) string {
	if len(t.rest) == 0 {
		return fmt.Sprintf("the simulation ended with exit code %d", exit)
	}
	return strings.TrimPrefix(strings.Join(t.rest[max(0, len(t.rest)-20):], "\n"), "error: ")
}

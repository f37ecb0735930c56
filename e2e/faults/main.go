// Command faults puts nodes under faults and checks what they promised. Servers are plain containers
// of the pipeline's images on 127.0.0.1, nodes are processes of this machine, so that they can be
// killed and stopped. Each case counts that its fault really struck, and fails if it did not.
//
//	make faults                        every case, full form
//	make faults CASE=R1,R7 SHORT=1     some of them, short form
//	make faults CASE=twins             planted bugs: each must be caught by its case
//
// A run repeats by its seed: what is killed, when, and which records fail; not how threads interleave.
// Exit code 1 is a violation or a run that proved nothing, 3 is a machine without Docker.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/e2e/servers"
)

// fault is one case.
type fault struct {
	name  string
	title string
	doc   string
	short time.Duration // bound of the short form
	full  time.Duration // of the full form
	run   func(ctx context.Context, h *harness) (string, error)
}

func cases() []fault {
	return []fault{
		{"R1", "eos_chain_kill", "an effect, a compute and a reducer in a row; processes are killed, attempts and transactions aborted, the broker bounced", 3 * time.Minute, 3 * time.Hour, chainKill},
		{"R2", "eos_seeds_kfake", "the same on the embedded broker, by seeds: faults on every kind of request", 3 * time.Minute, 2 * time.Hour, seedsEmbedded},
		{"R3", "zombie_pause", "a process is stopped in the middle of a transaction until its partitions are another's, and continued", 3 * time.Minute, time.Hour, zombiePause},
		{"R4", "rebalance_storm", "members of two groups join and leave twice a second", 3 * time.Minute, time.Hour, rebalanceStorm},
		{"R5", "rolling_deploy", "every process of a fleet under load is restarted, one by one", 3 * time.Minute, time.Hour, rollingDeploy},
		{"R6", "effect_once", "an effect ends itself between a side effect and its commit, and a part of its inputs comes twice", 3 * time.Minute, time.Hour, effectOnce},
		{"R7", "state_offset_atomic", "a reducer ends itself at every step between fetch and acknowledgement", 3 * time.Minute, 2 * time.Hour, stateAtomic},
		{"R8", "outbox_commit_order", "64 writers with transactions that are held and rolled back; the relay is killed", 3 * time.Minute, time.Hour, outboxOrder},
		{"R9", "outbox_long_tx", "one transaction stays open beside 500 others a second", time.Minute, 5 * time.Minute, outboxLong},
		{"R10", "poison", "one of a hundred inputs can never be handled, and one key fails always", 3 * time.Minute, time.Hour, poison},
		{"R11", "backpressure", "the database stops answering at full input", 3 * time.Minute, time.Hour, backpressure},
		{"R30", "soak", "a fleet under load for long, under kills, pauses and cut connections", 4 * time.Minute, 2 * time.Hour, soak},
		{"R31", "workflow_storm", "workflows of several steps on five processes, one of which is killed every moment", 3 * time.Minute, time.Hour, workflowStorm},
	}
}

// figure is what a case found.
type figure struct {
	Case   string `json:"case"`
	Title  string `json:"title"`
	Form   string `json:"form"`
	Seed   uint64 `json:"seed"`
	Pass   bool   `json:"pass"`
	Figure string `json:"figure"`
	Took   string `json:"took"`

	took time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		if errors.Is(err, servers.ErrNoDocker) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	wanted, file string
	short        bool
	seed         uint64
	seeds        int
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.StringVar(&o.wanted, "case", "", "cases to run, comma-separated (default all); list prints them, twins plants bugs")
	flags.BoolVar(&o.short, "short", false, "the form for continuous integration")
	flags.Uint64Var(&o.seed, "seed", 0, "what chance is made of; 0 chooses one and prints it")
	flags.IntVar(&o.seeds, "seeds", 20, "how many seeds the full form of R1 runs")
	flags.StringVar(&o.file, "json", "", "file that gets the figures as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.wanted == "list" {
		for _, c := range cases() {
			fmt.Fprintf(out, "%-4s %-20s %s\n", c.name, c.title, c.doc)
		}
		fmt.Fprintf(out, "%-4s %-20s %s\n", "", "twins", "planted bugs, each of which its case must catch; twins:R4 are those of one case")
		return nil
	}
	chosen, twins, err := choose(o.wanted)
	if err != nil {
		return err
	}
	o.seed = cmp.Or(o.seed, rand.Uint64N(1_000_000)+1) //nolint:gosec // a number to repeat the run by
	h, err := newHarness(ctx, out, o)
	if err != nil {
		return err
	}
	defer h.close()
	figures := h.runCases(ctx, chosen)
	figures = append(figures, h.runTwins(ctx, twins)...)
	return report(out, o, figures)
}

// choose finds the cases by name, and the planted bugs.
func choose(wanted string) (chosen []fault, bugs []twin, err error) {
	if wanted == "" {
		return cases(), nil, nil
	}
	for name := range strings.SplitSeq(wanted, ",") {
		if name == "twins" {
			bugs = append(bugs, twins()...)
			continue
		}
		of, planted := strings.CutPrefix(name, "twins:")
		i := slices.IndexFunc(cases(), func(c fault) bool { return strings.EqualFold(c.name, of) || c.title == of })
		switch {
		case i < 0:
			return nil, nil, fmt.Errorf("no case %q; see: go run ./e2e/faults -case list", name)
		case planted:
			bugs = append(bugs, slices.DeleteFunc(twins(), func(t twin) bool { return t.by != cases()[i].title })...)
		default:
			chosen = append(chosen, cases()[i])
		}
	}
	return chosen, bugs, nil
}

func (h *harness) runCases(ctx context.Context, chosen []fault) []figure {
	var figures []figure
	for _, c := range chosen {
		if ctx.Err() != nil {
			break
		}
		figures = append(figures, h.runCase(ctx, c))
	}
	return figures
}

// runCase runs a case within its bound.
func (h *harness) runCase(ctx context.Context, c fault) figure {
	f := figure{Case: c.name, Title: c.title, Form: h.form(), Seed: h.seed}
	bound := c.full
	if h.short {
		bound = c.short
	}
	h.logf("%s %s, %s form, seed %d: %s", c.name, c.title, f.Form, h.seed, c.doc)
	start := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("took longer than %s", bound))
	defer cancel()
	h.random = rand.New(rand.NewPCG(h.seed, 1)) //nolint:gosec // it must repeat
	text, err := c.run(bounded, h)
	h.endProcesses()
	f.took = time.Since(start)
	f.Took = f.took.Round(time.Second).String()
	if err == nil {
		f.Pass, f.Figure = true, text
		h.logf("%s passed in %s: %s", c.name, f.Took, text)
		return f
	}
	if cause := context.Cause(bounded); cause != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	f.Figure = err.Error()
	h.failed(c, err)
	return f
}

// report prints the figures last.
func report(out io.Writer, o options, figures []figure) error {
	fmt.Fprintf(out, "\n%s, %d cores, seed %d\n", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), o.seed)
	var failed []string
	for _, f := range figures {
		verdict := "ok  "
		if !f.Pass {
			verdict = "FAIL"
			failed = append(failed, f.Case)
		}
		fmt.Fprintf(out, "%s %s %s (%s, %s): %s\n", verdict, f.Case, f.Title, f.Form, f.Took, f.Figure)
	}
	durations(out, figures)
	if o.file != "" {
		raw, err := json.MarshalIndent(figures, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.file, append(raw, '\n'), 0o644); err != nil { //nolint:gosec // a report for everybody
			return fmt.Errorf("write figures: %w", err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s; repeat with -seed %d", strings.Join(failed, ", "), o.seed)
	}
	return nil
}

// durations prints how long each case took and all together.
func durations(out io.Writer, figures []figure) {
	var sum time.Duration
	for _, f := range figures {
		sum += f.took
		fmt.Fprintf(out, "  %6.1fs  %s %s\n", f.took.Seconds(), f.Case, f.Title)
	}
	fmt.Fprintf(out, "  %6.1fs  all cases, without the start of the servers\n", sum.Seconds())
}

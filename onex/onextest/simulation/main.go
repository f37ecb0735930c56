package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/omninode-ai/omninode/onex"
)

// Exit codes of Main.
const (
	exitBroken = 1 // a promise was not kept
	exitUsage  = 2
	exitUnable = 3 // the fleet cannot be simulated
)

// Main is the main function of the program that `omninode sim` writes: it runs the seeds that its arguments
// name and exits.
func Main(f Fleet) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	http.DefaultTransport = Transport{}                          // what a handler asks, the simulation answers
	os.Exit(mainCode(ctx, f, os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // Main is the main function
}

// request is what the arguments ask for.
type request struct {
	Config

	node       string
	from, to   uint64
	trace, dir string
	asJSON     bool
}

func mainCode(ctx context.Context, f Fleet, args []string, stdout, stderr io.Writer) int {
	q, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUsage
	}
	if q.trace != "" {
		return q.replay(f, stdout, stderr)
	}
	if f, err = f.Select(q.node); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUsage
	}
	r, err := RunSeeds(ctx, f, q.Config, q.from, q.to, stderr)
	if err == nil && r.Broken > 0 {
		err = r.shrink(ctx, f, q, stderr)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUnable
	case q.asJSON:
		err = json.NewEncoder(stdout).Encode(r)
	default:
		r.Print(stdout)
	}
	if err != nil || r.Broken > 0 {
		return exitBroken
	}
	return 0
}

func parse(args []string, stderr io.Writer) (request, error) {
	var q request
	var seeds, plant string
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&seeds, "seed", "1..100", "seeds, A..B or one")
	flags.StringVar(&q.node, "node", "fleet", "the node to simulate, or fleet")
	flags.IntVar(&q.Records, "records", 0, "records of a seed")
	flags.IntVar(&q.Processes, "processes", 0, "processes of each node")
	flags.IntVar(&q.Partitions, "partitions", 0, "partitions of each topic")
	flags.StringVar(&plant, "plant", "", "a bug to be found")
	flags.StringVar(&q.trace, "trace", "", "a trace to see again")
	flags.StringVar(&q.dir, "dir", ".", "folder for traces")
	flags.BoolVar(&q.asJSON, "json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return q, err
	}
	q.Plant = Plant(plant)
	if q.Plant != "" && !slices.Contains(Plants(), q.Plant) {
		return q, fmt.Errorf("there is no bug %q to plant", plant)
	}
	var err error
	q.from, q.to, err = ParseSeeds(seeds)
	return q, err
}

// ParseSeeds reads "A..B" or "A".
func ParseSeeds(text string) (from, to uint64, err error) {
	a, b, isRange := strings.Cut(text, "..")
	if from, err = strconv.ParseUint(a, 10, 64); err != nil {
		return 0, 0, fmt.Errorf("seeds %q are neither A..B nor a number", text)
	}
	if !isRange {
		return from, from, nil
	}
	if to, err = strconv.ParseUint(b, 10, 64); err != nil || to < from {
		return 0, 0, fmt.Errorf("seeds %q are neither A..B nor a number", text)
	}
	return from, to, nil
}

// Select returns the fleet with only the node of a name, or all for "fleet".
func (f Fleet) Select(name string) (Fleet, error) {
	if name == "fleet" || name == "" {
		f.Name = "fleet"
		return f, nil
	}
	i := slices.IndexFunc(f.Nodes, func(n onex.Node) bool { return n.Name == name })
	if i < 0 {
		return f, fmt.Errorf("the fleet has no node %q", name)
	}
	f.Name, f.Nodes = name, f.Nodes[i:i+1]
	return f, nil
}

// replay runs a trace and prints its steps.
func (q request) replay(f Fleet, stdout, stderr io.Writer) int {
	t, err := ReadTrace(q.trace)
	if err == nil {
		f, err = f.Select(t.Fleet)
	}
	var r Result
	if err == nil {
		r, err = Replay(f, t.config(), t.Seed, t.Decisions)
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUnable
	}
	if q.asJSON {
		_ = json.NewEncoder(stdout).Encode(map[string]any{"hash": r.Hash, "broken": r.Broken, "trace": r.Trace})
	} else {
		printTrace(stdout, r)
	}
	if r.Hash != t.Hash {
		fmt.Fprintf(stderr, "note: the trace was %s and is %s now: the code has changed since it was written\n", t.Hash, r.Hash)
	}
	if r.Broken != nil {
		return exitBroken
	}
	return 0
}

func printTrace(w io.Writer, r Result) {
	for _, line := range r.Trace {
		fmt.Fprintln(w, line)
	}
	if r.Broken == nil {
		fmt.Fprintf(w, "\nevery promise was kept in %d steps, hash %s\n", r.Steps, r.Hash)
		return
	}
	fmt.Fprintf(w, "\nbroken: %v\nhash %s\n", r.Broken, r.Hash)
}

// shrink makes the first failing seed short and writes its trace.
func (r *Report) shrink(ctx context.Context, f Fleet, q request, progress io.Writer) error {
	fmt.Fprintf(progress, "%sshrinking seed %d\n", Progress, r.First.Seed)
	s, err := Shrink(ctx, f, q.Config, *r.First)
	if err == nil && s.Broken == nil {
		err = fmt.Errorf("seed %d breaks a promise only sometimes: its handlers are not deterministic", r.First.Seed)
	}
	if err == nil {
		err = os.MkdirAll(q.dir, 0o755)
	}
	if err != nil {
		return err
	}
	file := filepath.Join(q.dir, fmt.Sprintf("seed-%d.json", s.Seed))
	r.Shrunk = &ShrunkReport{Seed: s.Seed, File: file, Steps: s.Steps, Inputs: s.Inputs, Runs: s.Runs, Hash: s.Hash, Broken: s.Broken, Trace: s.Trace}
	return WriteTrace(file, s.trace(f.Name))
}

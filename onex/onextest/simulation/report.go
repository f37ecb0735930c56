package simulation

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Report is what many seeds led to.
type Report struct {
	Fleet     string         `json:"fleet"`
	From      uint64         `json:"from"`
	To        uint64         `json:"to"`
	Seeds     int            `json:"seeds"` // that ran
	Broken    int            `json:"broken"`
	Records   int            `json:"records"`
	Steps     int            `json:"steps"`
	Instances int            `json:"instances"`
	Faults    map[string]int `json:"faults"`
	Hash      string         `json:"hash"` // of the hashes of all seeds
	Took      float64        `json:"seconds"`
	Virtual   float64        `json:"virtual_seconds"`
	Failures  []Failure      `json:"failures,omitempty"` // the first few
	Shrunk    *ShrunkReport  `json:"shrunk,omitempty"`
	First     *Result        `json:"-"`

	hashes map[uint64]string // by seed
}

// Failure is a seed that broke a promise.
type Failure struct {
	Seed   uint64  `json:"seed"`
	Hash   string  `json:"hash"`
	Broken *Broken `json:"broken"`
}

// ShrunkReport is the short form of the first failing seed.
type ShrunkReport struct {
	Seed   uint64   `json:"seed"`
	File   string   `json:"file"`
	Steps  int      `json:"steps"`
	Inputs int      `json:"inputs"`
	Runs   int      `json:"runs"`
	Hash   string   `json:"hash"`
	Broken *Broken  `json:"broken"`
	Trace  []string `json:"trace"`
}

const maxFailures = 10

// Progress is what lines begin with that tell how far a run is.
const Progress = "progress: "

// RunSeeds runs seeds, one on each core at a time, and says to progress how far it is. It stops early when
// many fail.
func RunSeeds(ctx context.Context, f Fleet, cfg Config, from, to uint64, progress io.Writer) (*Report, error) {
	r := &Report{Fleet: f.Name, From: from, To: to, Faults: map[string]int{}, hashes: map[uint64]string{}}
	begun := time.Now()
	if err := deterministic(f, cfg, from); err != nil {
		return nil, err
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var said time.Time
	var failed atomic.Int64
	for seed := from; running.Err() == nil && failed.Load() < maxFailures; seed++ {
		group.Go(func() error {
			one, err := Run(f, cfg, seed)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			r.add(one)
			failed.Store(int64(r.Broken))
			if time.Since(said) > time.Second {
				said = time.Now()
				fmt.Fprintf(progress, "%s%d of %d seeds, %d records, %d failed\n", Progress, r.Seeds, to-from+1, r.Records, r.Broken)
			}
			return running.Err()
		})
		if seed == to {
			break
		}
	}
	err := cmp.Or(group.Wait(), ctx.Err())
	r.Hash, r.Took = r.hash(), time.Since(begun).Seconds()
	slices.SortFunc(r.Failures, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	return r, err
}

// hash returns that of a single seed, or one of the hashes of all.
func (r *Report) hash() string {
	if r.Seeds == 1 {
		return r.hashes[r.From]
	}
	h := fnv.New64a()
	for _, seed := range slices.Sorted(maps.Keys(r.hashes)) {
		_, _ = io.WriteString(h, r.hashes[seed])
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// deterministic demands that a seed takes the same steps twice.
func deterministic(f Fleet, cfg Config, seed uint64) error {
	cfg.Records = min(cfg.withDefaults().Records, 300)
	a, err := Run(f, cfg, seed)
	if err != nil {
		return err
	}
	b, err := Run(f, cfg, seed)
	if err != nil {
		return err
	}
	if a.Hash != b.Hash {
		return fmt.Errorf("seed %d took other steps the second time (%s, then %s): a handler depends on a clock, on chance, on the order of a map or on goroutines", seed, a.Hash, b.Hash)
	}
	return nil
}

func (r *Report) add(one Result) {
	r.Seeds++
	r.hashes[one.Seed] = one.Hash
	r.Records += one.Records
	r.Steps += one.Steps
	r.Instances += one.Instances
	r.Virtual += one.Virtual.Seconds()
	for name, n := range one.Faults {
		r.Faults[name] += n
	}
	if one.Broken == nil {
		return
	}
	r.Broken++
	r.Failures = append(r.Failures, Failure{one.Seed, one.Hash, one.Broken})
	if r.First == nil || one.Seed < r.First.Seed {
		r.First = &one
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	if s := r.Shrunk; s != nil {
		fmt.Fprintf(w, "\nthe shortest trace of seed %d: %d steps, %d records from outside (%d runs tried)\n\n", s.Seed, s.Steps, s.Inputs, s.Runs)
		for _, line := range s.Trace {
			fmt.Fprintln(w, line)
		}
		fmt.Fprintf(w, "\nbroken: %v\n\nsee it again:  omninode sim --trace %s\nwith a debugger:  dlv debug %s -- -trace %s\n", s.Broken, s.File, programFolder, s.File)
	}
	fmt.Fprintln(w)
	rows := [][2]string{
		{"seeds", fmt.Sprintf("%d of %s, %d failed, %s", r.Seeds, r.Fleet, r.Broken, fmt.Sprintf("%.1f s", r.Took))},
		{"records", fmt.Sprintf("%d in %d steps, %s on the simulated clock", r.Records, r.Steps, time.Duration(r.Virtual*float64(time.Second)).Round(time.Second))},
		{"workflows", fmt.Sprintf("%d ended", r.Instances)},
		{"faults", r.faults()},
		{"trace hash", r.Hash},
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%-11s %s\n", row[0], row[1])
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "FAIL seed %d: %v\n", f.Seed, f.Broken)
	}
}

// programFolder is where omninode sim puts the program.
const programFolder = "./.omninode/sim"

// faults lists what went wrong, the most frequent first.
func (r *Report) faults() string {
	names := slices.SortedFunc(maps.Keys(r.Faults), func(a, b string) int {
		if r.Faults[a] != r.Faults[b] {
			return r.Faults[b] - r.Faults[a]
		}
		return strings.Compare(a, b)
	})
	list := make([]string, 0, len(names))
	for _, name := range names {
		list = append(list, fmt.Sprintf("%s %d", name, r.Faults[name]))
	}
	return strings.Join(list, ", ")
}

// Package simulation runs the real handlers of a fleet, the delivery core and its loops on one goroutine
// against a log, stores and an outside world in memory. A seed decides at every step who goes on and what
// goes wrong: processes die, partitions move, records come twice, replies are lost, clocks jump. The same
// seed takes the same steps, so that whatever goes wrong can be seen again, made short and debugged.
//
// What runs is onex/engine, internal/delivery and the interpreter of workflows as they are. What is
// imitated is what they talk to: Kafka, Postgres, HTTP. The package proves nothing about those, and
// nothing about goroutines inside of a handler.
package simulation

import (
	"cmp"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// Fleet is what is simulated.
type Fleet struct {
	Name   string // of the one node, or "fleet"
	Nodes  []onex.Node
	Inputs map[event.Ref]Sample // of every input of the nodes
}

// Sample shows what records of an input are like.
type Sample struct {
	Data []byte   // a valid payload
	Key  string   // property that is the partition key
	Vary []string // properties that differ from record to record: a UUID, a number or free text
}

// Config says how to run a seed.
type Config struct {
	Records    int   // how many records the log gets before no more come from outside; default 2,000
	Processes  int   // of each node; default 2
	Partitions int   // of each topic; default 2
	Plant      Plant // a bug; "": none
	Trace      bool  // keep what happened in words
}

func (c Config) withDefaults() Config {
	c.Records = cmp.Or(c.Records, 2000)
	c.Processes = cmp.Or(c.Processes, 2)
	c.Partitions = cmp.Or(c.Partitions, 2)
	return c
}

// Result is how a run ended.
type Result struct {
	Seed      uint64
	Broken    *Broken // nil: every promise was kept
	Hash      string  // of every step
	Steps     int
	Records   int // that the log got
	Inputs    int // of these, from outside
	Instances int // of workflows that ended
	Faults    map[string]int
	Virtual   time.Duration
	Trace     []string // with Config.Trace
	Decisions []int    // that led here
}

// Broken is a promise that was not kept.
type Broken struct {
	Promise string `json:"promise"` // short and stable: "nothing is lost"
	Detail  string `json:"detail"`
	Step    int    `json:"step"`
}

func (b *Broken) Error() string { return fmt.Sprintf("%s: %s (step %d)", b.Promise, b.Detail, b.Step) }

// Run runs one seed. The error says that the fleet cannot be simulated.
func Run(f Fleet, cfg Config, seed uint64) (Result, error) {
	return run(f, cfg.withDefaults(), seed, newDecider(seed))
}

// Replay runs decisions that a run has made.
func Replay(f Fleet, cfg Config, seed uint64, decisions []int) (Result, error) {
	return run(f, cfg.withDefaults(), seed, &decider{script: decisions, scripted: true})
}

func run(f Fleet, cfg Config, seed uint64, d *decider) (Result, error) {
	w, err := newWorld(f, cfg, d)
	if err != nil {
		return Result{}, err
	}
	defer w.end()
	w.run()
	if w.fatal != nil {
		return Result{}, w.fatal
	}
	return Result{
		Seed: seed, Broken: w.check.broken, Hash: fmt.Sprintf("%016x", w.hash), Steps: w.steps, Records: w.log.count,
		Inputs: w.outside.sent, Instances: w.check.ended, Faults: w.faults, Virtual: w.now.Sub(epoch), Trace: w.lines, Decisions: d.made,
	}, nil
}

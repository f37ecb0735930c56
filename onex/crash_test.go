package onex_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// childMain is the node process that the crash test kills.
func childMain() {
	name := os.Getenv("ONEX_TEST_NODE")
	if strings.HasPrefix(name, "patient") {
		onex.Main(patient(name))
	}
	onex.Main(victim(onex.Kind(os.Getenv("ONEX_TEST_CHILD")), name))
}

// victim describes the node of a kind that is killed. An orchestrator's worker is named after it, an
// effect that is named so takes batches.
func victim(kind onex.Kind, name string) onex.Node {
	if strings.HasPrefix(name, batches) {
		return batched(name)
	}
	if strings.HasPrefix(name, ledgers) {
		return dying(kind, name)
	}
	if strings.HasPrefix(name, held) {
		return waiting(name)
	}
	if strings.HasPrefix(name, tallies) {
		return tally(name, 0)
	}
	switch kind {
	case onex.Reducer:
		return census(name)
	case onex.Orchestrator:
		return flow(name, worker(name), time.Minute)
	default:
		return echo(kind, name, engine.RetryPolicy{}, succeed)
	}
}

// batches is what the names of batched effects begin with.
const batches = "batches"

// batched describes an effect that answers several inputs at once.
func batched(name string) onex.Node {
	ask, answer := ref(name, "ask"), ref(name, "answer")
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	node.Inputs[0].Batch = engine.Batch{Size: 40, Wait: 20 * time.Millisecond}
	reply := func(_ context.Context, in []onex.Input[number], out *onex.BatchEmissions) error {
		for _, one := range in {
			onex.AddTo(out, one, event.Event, answer, one.Event.PartitionKey, one.Data)
		}
		return nil
	}
	node.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{ask: onex.HandleBatch(decodeNumber, reply)}}, nil
	}
	return node
}

func worker(flow string) string { return flow + "-worker" }

// census describes a reducer that answers with how many inputs of the key came before: the sequence
// of answers is only right if the state is the fold of all inputs, each taken once.
func census(name string) onex.Node {
	ask, answer := ref(name, "ask"), ref(name, "answer")
	node := echo(onex.Reducer, name, engine.RetryPolicy{}, succeed)
	node.Machine = &engine.Machine{Initial: "open", Transitions: []engine.Transition{
		{Input: ask, From: []string{"open"}, To: "open", Emits: []event.Ref{answer}},
	}}
	count := func(_ context.Context, in onex.Input[number], seen number, out *onex.Emissions) (number, error) {
		out.Add(event.Event, answer, in.Event.PartitionKey, seen)
		seen.N++
		return seen, nil
	}
	node.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{ask: onex.Reduce(decodeNumber, decodeNumber, count)}}, nil
	}
	return node
}

// child starts the node as a process of its own.
func (f *fixture) child(node onex.Node, env map[string]string) *exec.Cmd {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "ONEX_TEST_CHILD="+string(node.Kind), "ONEX_TEST_NODE="+node.Name)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = f.logs, f.logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if f.t.Failed() {
			f.t.Log(f.logs.String())
		}
	})
	return cmd
}

// TestKilledProcess: nothing is lost, doubled or out of order while a process is killed at any
// moment and started again. An outbox may send a record again, under the same id.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills processes for several seconds")
	}
	for name, kind := range map[string]onex.Kind{"compute": onex.Compute, "effect": onex.Effect, batches: onex.Effect, "reducer": onex.Reducer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			node := victim(kind, f.name(name))
			env := f.env([]onex.Node{node}, "a")
			env["ONEX_LOG_LEVEL"] = "warn"
			f.topic(topicOf(event.Command, ref(node.Name, "ask")), topicOf(event.Event, ref(node.Name, "answer")))
			const keys, each, kills = 7, 150, 6
			cmd := f.child(node, env)
			for i := range keys * each {
				f.produce(root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i%keys), number{N: i / keys}))
				if i%(keys*each/kills) != keys*each/kills-1 {
					continue
				}
				f.eventually("the process works again", func() error {
					return f.atLeast(i/2, topicOf(event.Event, ref(node.Name, "answer")))
				})
				cmd = f.killed(cmd, node, env)
			}
			f.exactlyOnce(node, keys, each)
			f.terminate(cmd)
		})
	}
}

// TestKilledOrchestrator: each instance ends once, and each of its commands is handled once, while
// the process is killed at any moment and started again.
func TestKilledOrchestrator(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills processes for several seconds")
	}
	f := setup(t)
	node := victim(onex.Orchestrator, f.name("flow"))
	var handled atomic.Int64
	f.start("a", echo(onex.Effect, worker(node.Name), engine.RetryPolicy{}, func(onex.Input[number]) error {
		handled.Add(1)
		return nil
	}))
	env := f.env([]onex.Node{node}, "a")
	env["ONEX_LOG_LEVEL"] = "warn"
	done := topicOf(event.Event, ref(node.Name, "done"))
	f.topic(topicOf(event.Command, ref(node.Name, "start")), done)
	const instances, kills = 60, 4
	cmd := f.child(node, env)
	for i := range instances {
		f.produce(root(event.Command, ref(node.Name, "start"), fmt.Sprint("k", i), number{N: i}))
		if i%(instances/kills) == instances/kills-1 {
			f.eventually("the process works again", func() error { return f.atLeast(i/2, done) })
			cmd = f.killed(cmd, node, env)
		}
	}
	ids, seen := map[string]string{}, 0
	for rec := range f.stream(t.Context(), done) {
		seen++
		key, id := string(rec.Key), header(rec, "ce_id")
		if known, ok := ids[key]; ok && known != id {
			t.Fatalf("instance %s ended twice", key)
		}
		if ids[key] = id; len(ids) == instances {
			break
		}
	}
	if len(ids) != instances || handled.Load() != 2*instances {
		t.Errorf("%d of %d instances ended, with %d commands handled, want %d", len(ids), instances, handled.Load(), 2*instances)
	}
	t.Logf("%d instances, %d ends sent again", instances, seen-instances)
	f.terminate(cmd)
}

// TestRestartOfAStaticMember: a process that is killed and comes back under its name has its partitions
// again, and nothing of the other process moves.
func TestRestartOfAStaticMember(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := victim(onex.Effect, f.name("effect"))
	answers := topicOf(event.Event, ref(node.Name, "answer"))
	ask := func(n int) {
		for i := range 30 {
			f.produce(root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i), number{N: n}))
		}
	}
	other := f.start("b", node)
	ask(0)
	f.collect(30, answers)
	env := f.env([]onex.Node{node}, "a")
	env["ONEX_LOG_LEVEL"] = "warn"
	cmd := f.child(node, env)
	second := &running{f: f, url: "http://" + env["ONEX_HTTP_ADDR"]}
	f.eventually("both have partitions", func() error {
		if n, m := len(f.owned(second)), len(f.owned(other)); n == 0 || n+m != 4 { // with that of replays
			return fmt.Errorf("%d and %d", n, m)
		}
		return nil
	})
	moves, mine := metric(other, "onex_rebalances_total"), f.owned(second)
	cmd = f.killed(cmd, node, env)
	begun := time.Now()
	ask(1)
	f.collect(60, answers)
	if took := time.Since(begun); took > 12*time.Second {
		t.Errorf("it works again after %s: as long as a session lasts that nobody continues", took)
	}
	if now := metric(other, "onex_rebalances_total"); now != moves {
		t.Errorf("partitions of the other process came or went %.0f times", now-moves)
	}
	if now := f.owned(second); !slices.Equal(now, mine) {
		t.Errorf("it has %v, before it was %v", now, mine)
	}
	f.terminate(cmd)
}

// owned returns the partitions that a process says it has.
func (f *fixture) owned(r *running) (list []string) {
	for line := range strings.Lines(metricsOf(r)) {
		if series, _, _ := strings.Cut(line, " "); strings.HasPrefix(series, "onex_lag_records{") {
			list = append(list, series)
		}
	}
	slices.Sort(list)
	return list
}

// killed ends a process without a warning and starts the next.
func (f *fixture) killed(cmd *exec.Cmd, node onex.Node, env map[string]string) *exec.Cmd {
	f.t.Helper()
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // a kill must meet it at any moment
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return f.child(node, env)
}

// terminate stops a process in good order.
func (f *fixture) terminate(cmd *exec.Cmd) {
	f.t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		f.t.Errorf("stop: %v", err)
	}
}

// atLeast wants n committed records on a topic.
func (f *fixture) atLeast(n int, topic string) error {
	ends, err := f.admin.ListCommittedOffsets(f.t.Context(), topic)
	if err != nil {
		return err
	}
	var sum int64
	for _, partitions := range ends {
		for _, o := range partitions {
			sum += o.Offset
		}
	}
	if sum < int64(n) {
		return fmt.Errorf("%d records, want %d", sum, n)
	}
	return nil
}

// exactlyOnce reads all answers: every one once, apart from resends of an outbox, and in order.
func (f *fixture) exactlyOnce(node onex.Node, keys, each int) {
	f.t.Helper()
	seen, next := map[string]bool{}, map[string]int{}
	resent := 0
	for rec := range f.stream(f.t.Context(), topicOf(event.Event, ref(node.Name, "answer"))) {
		if id := header(rec, "ce_id"); seen[id] && node.Kind != onex.Compute {
			resent++
			continue
		} else if seen[id] {
			f.t.Fatalf("answer %s of key %s was committed twice", rec.Value, rec.Key)
		} else {
			seen[id] = true
		}
		n, err := decodeNumber(rec.Value)
		if err != nil || n.N != next[string(rec.Key)] {
			f.t.Fatalf("key %s: got %d (%v), want %d", rec.Key, n.N, err, next[string(rec.Key)])
		}
		next[string(rec.Key)]++
		if len(seen) == keys*each {
			break
		}
	}
	if len(seen) != keys*each {
		f.t.Fatalf("%d answers, want %d", len(seen), keys*each)
	}
	f.t.Logf("%d answers, %d of them sent again", len(seen), resent)
}

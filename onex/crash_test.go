package onex_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// childMain is the node process that the crash test kills.
func childMain() {
	kind := onex.Kind(os.Getenv("ONEX_TEST_CHILD"))
	onex.Main(echo(kind, os.Getenv("ONEX_TEST_NODE"), engine.RetryPolicy{}, succeed))
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
// moment and started again. An effect's outbox may send a record again, under the same id.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills processes for several seconds")
	}
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			node := echo(kind, f.name(string(kind)), engine.RetryPolicy{}, succeed)
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
				f.eventually("the process works again", func() error { return f.progress(node, i/2) })
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // a kill must meet it at any moment
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				cmd = f.child(node, env)
			}
			f.exactlyOnce(node, keys, each)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// progress wants at least n answers.
func (f *fixture) progress(node onex.Node, n int) error {
	ends, err := f.admin.ListCommittedOffsets(f.t.Context(), topicOf(event.Event, ref(node.Name, "answer")))
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
		return fmt.Errorf("%d answers, want %d", sum, n)
	}
	return nil
}

// exactlyOnce reads all answers: every one once, apart from resends of an effect, and in order.
func (f *fixture) exactlyOnce(node onex.Node, keys, each int) {
	f.t.Helper()
	seen, next := map[string]bool{}, map[string]int{}
	resent := 0
	for rec := range f.stream(f.t.Context(), topicOf(event.Event, ref(node.Name, "answer"))) {
		if id := header(rec, "ce_id"); seen[id] && node.Kind == onex.Effect {
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

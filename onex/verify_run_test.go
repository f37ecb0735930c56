package onex_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// tallies is what the names of reducers begin with whose keys have inputs on two topics.
const tallies = "tally"

// tally describes a reducer that remembers the order in which the inputs of a key came, from two topics.
func tally(name string, takes time.Duration) onex.Node {
	plus, minus := ref(name, "plus"), ref(name, "minus")
	step := func(_ context.Context, in onex.Input[number], s total, _ *onex.Emissions) (total, error) {
		time.Sleep(takes)
		if in.Event.Type == minus {
			in.Data.N = -in.Data.N
		}
		s.Sum += in.Data.N
		s.Order = append(s.Order, in.Data.N)
		return s, nil
	}
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Reducer,
		Inputs: []engine.Input{{Type: plus, Class: event.Command}, {Type: minus, Class: event.Command}},
		Machine: &engine.Machine{Initial: "open", Transitions: []engine.Transition{
			{Input: plus, From: []string{"open"}, To: "open"}, {Input: minus, From: []string{"open"}, To: "open"},
		}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			route := onex.Reduce(decodeNumber, decodeTotal, step)
			return onex.Wiring{Routes: onex.Routes{plus: route, minus: route}}, nil
		},
	}
}

// verify runs a node's program to verify its states.
func (f *fixture) verify(node onex.Node, env map[string]string) (said string, code int) {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), os.Args[0], "verify")
	cmd.Env = append(os.Environ(), "ONEX_TEST_CHILD="+string(node.Kind), "ONEX_TEST_NODE="+node.Name)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return stdout.String() + stderr.String(), failed.ExitCode()
	} else if err != nil {
		f.t.Fatal(err)
	}
	return stdout.String(), 0
}

// TestVerify: after kills the states are the fold of the log, byte for byte; a difference in one row is
// named, and so is what can no longer be verified.
func TestVerify(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := tally(f.name(tallies), 0)
	env := f.env([]onex.Node{node}, "a")
	env["ONEX_LOG_LEVEL"] = "warn"
	f.topic(topicOf(event.Command, ref(node.Name, "plus")), topicOf(event.Command, ref(node.Name, "minus")))
	const keys, each, kills = 7, 60, 4
	cmd := f.child(node, env)
	last := "" // id of an input of key k6
	for i := range keys * each {
		r := root(event.Command, ref(node.Name, []string{"plus", "minus"}[i%2]), fmt.Sprint("k", i%keys), number{N: i})
		f.produce(r)
		last = header(r, "ce_id")
		if i%(keys*each/kills) == keys*each/kills-1 {
			cmd = f.killed(cmd, node, env)
		}
	}
	f.eventually("all inputs are handled", func() error { return f.handled(node.Name, keys*each) })
	f.terminate(cmd)
	said, code := f.verify(node, env)
	if want := node.Name + ": 7 keys are equal, 0 differ, 0 cannot be verified\n"; code != 0 || said != want {
		t.Errorf("exit code %d: %s", code, said)
	}
	f.exec(fmt.Sprintf(`UPDATE %q.state SET data = overlay(data placing '9' from 8 for 1) WHERE key = 'k3'`, provision.Schema(node.Name)))
	f.exec(fmt.Sprintf(`DELETE FROM %q.inbox WHERE event_id = '%s'`, provision.Schema(node.Name), last))
	said, code = f.verify(node, env)
	for _, want := range []string{`1 differ`, `key "k3" differs: version 60 is stored as {"sum":9`, `key "k6" cannot be verified: the input of version`, "of 60 is no longer", "ONEX_STATE_001_DIFFERS"} {
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("exit code %d, %q is missing: %s", code, want, said)
		}
	}
}

// handled wants n inputs in the inbox.
func (f *fixture) handled(node string, n int) error {
	var got int
	if err := f.db.QueryRow(f.t.Context(), fmt.Sprintf(`SELECT count(*) FROM %q.inbox`, provision.Schema(node))).Scan(&got); err != nil || got != n {
		return fmt.Errorf("%d inputs are handled (%w), want %d", got, err, n)
	}
	return nil
}

func (f *fixture) exec(sql string) {
	f.t.Helper()
	if _, err := f.db.Exec(f.t.Context(), sql); err != nil {
		f.t.Fatal(err)
	}
}

// TestInstancesShareKeys: two instances have partitions each, a key's inputs come on two topics, and the
// states are right: who computed from a version that is no longer the last does it again.
func TestInstancesShareKeys(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := tally(f.name(tallies), time.Millisecond) // so that two work on a key at a time
	plus, minus := ref(node.Name, "plus"), ref(node.Name, "minus")
	f.topic(topicOf(event.Command, plus), topicOf(event.Command, minus))
	env := f.env([]onex.Node{node}, "a")
	first := f.launch(env, node)
	env2 := f.env([]onex.Node{node}, "b")
	second := f.launch(env2, node)
	schema := provision.Schema(node.Name)
	f.eventually("both have partitions", func() error {
		var instances, partitions int
		err := f.db.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(DISTINCT instance), count(*) FROM %q.fence WHERE starts_with(topic, 'onex.cmd.')`, schema)).Scan(&instances, &partitions)
		if err != nil || instances != 2 || partitions != 6 {
			return fmt.Errorf("%d instances have %d partitions: %w", instances, partitions, err)
		}
		return nil
	})
	const keys, each = 6, 200
	for i := range each {
		for k := range keys {
			f.kafka.Produce(t.Context(), root(event.Command, []event.Ref{plus, minus}[i%2], fmt.Sprint("k", k), number{N: i}), nil)
		}
	}
	if err := f.kafka.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.eventually("all inputs are handled", func() error { return f.handled(node.Name, keys*each) })
	for key, s := range f.states(node.Name) {
		if !strings.HasPrefix(s.data, `{"sum":-100,`) || s.version != each {
			t.Errorf("key %s: %+v", key, s)
		}
	}
	conflicts := 0
	for _, r := range []*running{first, second} {
		for line := range strings.Lines(metricsOf(r)) {
			var n int
			if _, after, ok := strings.Cut(line, "onex_conflicts_total{node=\""+node.Name+"\"} "); ok {
				_, _ = fmt.Sscan(after, &n)
				conflicts += n
			}
		}
	}
	t.Logf("%d inputs of %d keys, %d conflicts", keys*each, keys, conflicts)
	if conflicts == 0 {
		t.Error("the instances never met at a key")
	}
	first.halt()
	second.halt()
	if said, code := f.verify(node, env); code != 0 || !strings.Contains(said, "6 keys are equal") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

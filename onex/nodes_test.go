package onex_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// total is a reducer's state: the sum of what was added, and in which order.
type total struct {
	Sum   int    `json:"sum"`
	Order []int  `json:"order"`
	Final string `json:"final,omitempty"`
}

func (t total) Validate() error {
	if t.Sum > 1_000_000 {
		return errors.New("sum is absurd")
	}
	return nil
}

func decodeTotal(data []byte) (total, error) {
	var t total
	err := json.Unmarshal(data, &t)
	return t, err
}

// counter describes a reducer: open -add-> open, open -close-> closed; close may come early.
func counter(name string) onex.Node {
	open, add, closing, added := ref(name, "open"), ref(name, "add"), ref(name, "close"), ref(name, "added")
	step := func(_ context.Context, in onex.Input[number], s total, out *onex.Emissions) (total, error) {
		s.Sum += in.Data.N
		s.Order = append(s.Order, in.Data.N)
		s.Final = in.To
		if in.Event.Type == add {
			out.Add(event.Event, added, in.Event.PartitionKey, number{N: s.Sum})
		}
		return s, nil
	}
	inputs := []engine.Input{
		{Type: open, Class: event.Command}, {Type: add, Class: event.Command, Emits: []event.Ref{added}}, {Type: closing, Class: event.Command},
	}
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Reducer, Inputs: inputs,
		Outputs: []onex.Output{{Type: added, Class: event.Event}},
		Machine: &engine.Machine{Initial: "new", Final: []string{"closed"}, Transitions: []engine.Transition{
			{Input: open, From: []string{"new"}, To: "open"},
			{Input: add, From: []string{"open"}, To: "open", Emits: []event.Ref{added}, Early: 20 * time.Second},
			{Input: closing, From: []string{"open"}, To: "closed"},
		}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			routes := onex.Routes{}
			for _, in := range inputs {
				routes[in.Type] = onex.Reduce(decodeNumber, decodeTotal, step)
			}
			return onex.Wiring{Routes: routes}, nil
		},
	}
}

func (f *fixture) state(node, key string) (machine string, s total) {
	f.t.Helper()
	var data []byte
	query := fmt.Sprintf(`SELECT machine_state, data FROM %q.state WHERE key = $1`, provision.Schema(node))
	if err := f.db.QueryRow(f.t.Context(), query, key).Scan(&machine, &data); err != nil {
		return "", total{}
	}
	s, err := decodeTotal(data)
	if err != nil {
		f.t.Fatal(err)
	}
	return machine, s
}

// TestReducer: inputs of one key arrive on three topics, some before the machine takes them.
func TestReducer(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("reducer")
	f.start("a", counter(name))
	const keys, adds = 3, 10
	for i := range keys * adds {
		f.produce(root(event.Command, ref(name, "add"), fmt.Sprint("k", i%keys), number{N: i / keys}))
	}
	for k := range keys {
		f.produce(root(event.Command, ref(name, "open"), fmt.Sprint("k", k), number{}))
	}
	f.collect(keys*adds, topicOf(event.Event, ref(name, "added")))
	for k := range keys {
		key := fmt.Sprint("k", k)
		machine, s := f.state(name, key)
		if machine != "open" || s.Sum != 45 || fmt.Sprint(s.Order) != "[0 0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("key %s is %q %+v", key, machine, s)
		}
		f.produce(root(event.Command, ref(name, "close"), key, number{}))
	}
	f.eventually("closed", func() error {
		if machine, s := f.state(name, "k0"); machine != "closed" || s.Final != "closed" {
			return fmt.Errorf("state %q %+v", machine, s)
		}
		return nil
	})
	f.produce(root(event.Command, ref(name, "add"), "k0", number{N: 1}))
	dead := f.collect(1, event.DeadLetterTopic(name, ref(name, "add")).String())[0]
	if class := header(dead, engine.HeaderClass); class != "illegal_transition" {
		t.Errorf("an input after the end has class %s", class)
	}
}

// flow describes an orchestrator over a worker's ask and answer.
func flow(name, worker string, timeout time.Duration) onex.Node {
	start, done, failed := ref(name, "start"), ref(name, "done"), ref(name, "failed")
	ask, answer := ref(worker, "ask"), ref(worker, "answer")
	wf := &onex.Workflow{Start: start, Completed: done, Failed: failed, Steps: []onex.Step{
		{Name: "first", Send: ask, Success: []event.Ref{answer}},
		{Name: "second", After: []string{"first"}, Send: ask, Success: []event.Ref{answer}, Timeout: timeout},
	}}
	return orchestrator(name, wf)
}

// orchestrator describes a node that runs a workflow whose messages all carry the start's number and,
// once it failed, the reason. Commands go out under another key than the instance's.
func orchestrator(name string, wf *onex.Workflow) onex.Node {
	build := func(_ context.Context, instance []byte) (string, onex.Payload, error) {
		var view struct {
			Key    string `json:"key"`
			Start  number `json:"start"`
			Reason string `json:"reason"`
		}
		err := json.Unmarshal(instance, &view)
		return "worker-" + view.Key, number{N: view.Start.N, ID: view.Reason}, err
	}
	b := onex.Builders{Send: map[string]onex.Build{}, Undo: map[string]onex.Build{}, Completed: build, Failed: build}
	check := func(data []byte) error { _, err := decodeNumber(data); return err }
	node := onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Orchestrator, Workflow: wf,
		Inputs:  []engine.Input{{Type: wf.Start, Class: event.Command}},
		Outputs: []onex.Output{{Type: wf.Completed, Class: event.Event}, {Type: wf.Failed, Class: event.Event}},
	}
	decoders := map[event.Ref]func([]byte) error{wf.Start: check}
	for _, s := range wf.Steps {
		b.Send[s.Name], b.Undo[s.Name] = build, build
		for _, sent := range []event.Ref{s.Send, s.Undo} {
			if out := (onex.Output{Type: sent, Class: event.Command}); !sent.IsZero() && !slices.Contains(node.Outputs, out) {
				node.Outputs = append(node.Outputs, out)
			}
		}
		for _, answer := range slices.Concat(s.Success, s.Failure) {
			if decoders[answer] == nil {
				decoders[answer] = check
				node.Inputs = append(node.Inputs, engine.Input{Type: answer, Class: event.Event})
			}
		}
	}
	for i := range node.Inputs {
		for _, out := range node.Outputs {
			node.Inputs[i].Emits = append(node.Inputs[i].Emits, out.Type)
		}
	}
	node.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Orchestrate(wf, b, decoders)}, nil
	}
	return node
}

// TestOrchestrator: two steps send the same command under another key than the instance's; their
// answers find their steps; a step without an answer fails the instance in time.
func TestOrchestrator(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name, worker := f.name("flow"), f.name("worker")
	calls := make(chan int, 100)
	f.start("a", flow(name, worker, 2*time.Second), echo(onex.Effect, worker, engine.RetryPolicy{}, func(in onex.Input[number]) error {
		calls <- in.Data.N
		if in.Data.N == 13 && in.Event.StepID == "second" {
			return onex.Permanent(errors.New("refuses to answer"))
		}
		return nil
	}))
	f.produce(
		root(event.Command, ref(name, "start"), "good", number{N: 7}),
		root(event.Command, ref(name, "start"), "bad", number{N: 13}),
		root(event.Command, ref(name, "start"), "good", number{N: 8}),
	)
	done := f.collect(1, topicOf(event.Event, ref(name, "done")))[0]
	if n, err := decodeNumber(done.Value); err != nil || n.N != 7 || header(done, "ce_workflowid") != "" {
		t.Errorf("done %+v, workflow %q: %v", n, header(done, "ce_workflowid"), err)
	}
	failed := f.collect(1, topicOf(event.Event, ref(name, "failed")))[0]
	if n, err := decodeNumber(failed.Value); err != nil || n.N != 13 || n.ID != "step second: no answer within 2s" {
		t.Errorf("failed %+v: %v", n, err)
	}
	if len(calls) != 4 {
		t.Errorf("%d calls of the worker", len(calls))
	}
}

// TestWaitsForForeignTopics: a node is not ready before the topics of others exist, and says so.
func TestWaitsForForeignTopics(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name, worker := f.name("flow"), f.name("worker")
	node := flow(name, worker, time.Minute)
	r := f.launch(f.env([]onex.Node{node}, "a"), node)
	want := fmt.Sprintf("topic onex.evt.%s.answer.v1 does not exist; its owner is node %s", worker, worker)
	f.eventually("the reason is told", func() error {
		if status, body := r.read("/readyz?node=" + name); status != 503 || !strings.Contains(body, want) {
			return fmt.Errorf("answer %d %s", status, body)
		}
		return nil
	})
	if err := r.get("/healthz", 200); err != nil {
		t.Error(err)
	}
	f.topic(topicOf(event.Event, ref(worker, "answer")), topicOf(event.Command, ref(worker, "ask")))
	f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
	if err := r.get("/readyz?node=nobody", 404); err != nil {
		t.Error(err)
	}
	f.eventually("metrics", func() error {
		if _, body := r.read("/metrics"); !strings.Contains(body, `onex_outbox_depth{node="`+name+`"} 0`) {
			return errors.New("there is no outbox depth")
		}
		return nil
	})
}

// TestStartTellsAllThatIsMissing: the settings of all nodes at once, each with its remedy.
func TestStartTellsAllThatIsMissing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	first, second := echo(onex.Effect, f.name("first"), engine.RetryPolicy{}, succeed), echo(onex.Compute, f.name("second"), engine.RetryPolicy{}, succeed)
	second.Settings = []config.Setting{{Key: "rate", Env: "SECOND_RATE"}, {Key: "token", Env: "SECOND_TOKEN", Secret: true}}
	env := f.env(nil, "a")
	r := f.launch(env, first, second)
	<-r.done
	failure, ok := errors.AsType[*onex.Error](r.err)
	if !ok || failure.Code != onex.CodeSettings {
		t.Fatalf("start: %v", r.err)
	}
	for _, want := range []string{"SECOND_RATE", "SECOND_TOKEN", envName(first), envName(second)} {
		if !strings.Contains(r.err.Error(), want) {
			t.Errorf("%s is not named: %v", want, r.err)
		}
	}
}

// TestVaultOpensOneNode: an AppRole reads the secrets of one node, so a fleet in one process is refused.
func TestVaultOpensOneNode(t *testing.T) {
	t.Parallel()
	f := setup(t)
	env := f.env(nil, "a")
	env["VAULT_ADDR"], env["VAULT_ROLE_ID"], env["VAULT_SECRET_ID"] = "http://127.0.0.1:1", "omninode-first", "s"
	r := f.launch(env, echo(onex.Effect, "first", engine.RetryPolicy{}, succeed), echo(onex.Effect, "second", engine.RetryPolicy{}, succeed))
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the start was not refused")
	}
	failure, ok := errors.AsType[*onex.Error](r.err)
	if !ok || failure.Code != onex.CodeEnvironment || !strings.Contains(failure.Remedy, "its own process") {
		t.Errorf("start: %v", r.err)
	}
}

func envName(n onex.Node) string { return strings.ToUpper(provision.Schema(n.Name)) + "_DATABASE_URL" }

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	good := f.env([]onex.Node{node}, "a")
	good["ONEX_HTTP_ADDR"] = "127.0.0.1:0" // the starts run side by side
	with := func(key, value string) map[string]string {
		env := maps.Clone(good)
		if env[key] = value; value == "" {
			delete(env, key)
		}
		return env
	}
	lonely := node
	lonely.Inputs = append([]engine.Input{{Type: ref(node.Name, "more"), Class: event.Command}}, node.Inputs...)
	unmigrated := echo(onex.Effect, f.name("unmigrated"), engine.RetryPolicy{}, succeed)
	unmigratedEnv := with(envName(unmigrated), query(t, good[envName(node)], "search_path", "public"))
	twoLogins := with("VAULT_ADDR", "http://127.0.0.1:1")
	twoLogins["VAULT_ROLE"], twoLogins["VAULT_TOKEN"] = "r", "t"
	tests := map[string]struct {
		env  map[string]string
		node onex.Node
		code string
		says string
	}{
		"no brokers":      {with("ONEX_KAFKA_BROKERS", ""), node, onex.CodeEnvironment, "ONEX_KAFKA_BROKERS is missing"},
		"bad duration":    {with("ONEX_DRAIN_TIMEOUT", "soon"), node, onex.CodeEnvironment, "ONEX_DRAIN_TIMEOUT"},
		"short retention": {with("ONEX_INBOX_RETENTION", "5s"), node, onex.CodeEnvironment, "use at least 1m0s"},
		"bad hosts":       {with("ONEX_HOSTS", "kafka"), node, onex.CodeEnvironment, "ONEX_HOSTS"},
		"half a vault":    {with("VAULT_ADDR", "http://127.0.0.1:1"), node, onex.CodeEnvironment, "VAULT_ROLE_ID"},
		"two logins":      {twoLogins, node, onex.CodeEnvironment, "VAULT_TOKEN_FILE"},
		"occupied port":   {with("ONEX_HTTP_ADDR", shared.consul), node, onex.CodeAddress, "listen on"},
		"no database url": {with(envName(node), ""), node, onex.CodeSettings, envName(node)},
		"bad database":    {with(envName(node), "nonsense://"), node, onex.CodeDatabase, "database url"},
		"wrong password":  {with(envName(node), strings.Replace(good[envName(node)], ":test@", ":wrong@", 1)), node, onex.CodeDatabase, "password"},
		"old schema":      {unmigratedEnv, unmigrated, onex.CodeSchema, "omninode migrate up"},
		"no route":        {good, lonely, onex.CodeSettings, "has no route"},
		"bad name":        {good, onex.Node{Name: "Bad"}, onex.CodeNode, "not valid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lookup := func(name string) (string, bool) { v, ok := test.env[name]; return v, ok }
			err := onex.Run(t.Context(), onex.Config{Lookup: lookup, Output: f.logs}, test.node)
			failure, ok := errors.AsType[*onex.Error](err)
			if !ok || failure.Code != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("start: %v, want %s with %q", err, test.code, test.says)
			}
		})
	}
}

// TestReplacedProcessEnds: two processes under one instance id cannot both run.
func TestReplacedProcessEnds(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	old := f.start("a", node)
	r := f.start("a", node)
	select {
	case <-old.done:
	case <-time.After(60 * time.Second):
		t.Fatal("the old process still runs")
	}
	if failure, ok := errors.AsType[*onex.Error](old.err); !ok || failure.Code != onex.CodeReplaced {
		t.Errorf("the old process ended with %v", old.err)
	}
	if err := r.get("/readyz", 200); err != nil {
		t.Error(err)
	}
	if logs := f.logs.String(); strings.Contains(logs, "deregistered") {
		t.Error("the old process deregistered the new one")
	}
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{N: 1}))
	f.collect(1, topicOf(event.Event, ref(node.Name, "answer")))
}

// TestTwoInstancesShareTheWork: each record is answered once while instances come and go.
func TestTwoInstancesShareTheWork(t *testing.T) {
	t.Parallel()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			node := echo(kind, f.name(string(kind)), engine.RetryPolicy{}, succeed)
			first := f.start("a", node)
			const keys, each = 6, 30
			for i := range keys * each {
				f.produce(root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i%keys), number{N: i / keys}))
				switch i {
				case keys * each / 3:
					f.start("b", node)
				case 2 * keys * each / 3:
					first.halt()
				}
			}
			next := map[string]int{}
			for _, rec := range f.collect(keys*each, topicOf(event.Event, ref(node.Name, "answer"))) {
				n, err := decodeNumber(rec.Value)
				if err != nil || n.N != next[string(rec.Key)] {
					t.Fatalf("key %s: got %d (%v), want %d", rec.Key, n.N, err, next[string(rec.Key)])
				}
				next[string(rec.Key)]++
			}
		})
	}
}

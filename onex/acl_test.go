package onex_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestDerivedRightsAreLeast: on a cluster that allows a node what its contract derives, from the
// node's address, it creates its topics, answers and writes dead letters; without any one of these
// rights it does not.
func TestDerivedRightsAreLeast(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", peopleHost+":0")
	if err != nil {
		t.Skip("this machine has no second address of its own:", err)
	}
	_ = l.Close()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect, onex.Reducer} {
		name := string(kind) + "-rights"
		rights := derivedRights(t, kind, name)
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			if err := worksWith(t, kind, name, rights); err != nil {
				t.Errorf("with %v: %v", rights, err)
			}
		})
		for i, without := range rights {
			t.Run(fmt.Sprint(kind, " without ", without.Operation, " ", without.Resource), func(t *testing.T) {
				t.Parallel()
				left := slices.Delete(slices.Clone(rights), i, i+1)
				if err := worksWith(t, kind, fmt.Sprint(name, "-", i), renamed(left, name, fmt.Sprint(name, "-", i))); err == nil {
					t.Error("the node works without it")
				} else if !strings.Contains(strings.ToLower(err.Error()), "authori") {
					t.Errorf("failed for another reason: %v", err)
				}
			})
		}
	}
}

// derivedRights are those of a node that asking describes.
func derivedRights(t *testing.T, kind onex.Kind, name string) []contract.ACL {
	t.Helper()
	handles := `handles: {ask.v1: {emits: [answer.v1]}}`
	if kind == onex.Reducer {
		handles = `
state: {key: id, data: Number}
machine: {initial: open, transitions: [{input: ask.v1, from: open, to: open, emits: [answer.v1]}]}`
	}
	f, err := contract.ParseFleet(map[string][]byte{name + "/contract.yaml": fmt.Appendf(nil, `
omninode: 1
node: %s
version: 1.0.0
kind: %s
commands: {ask: {external: true, v1: {key: id, data: Number, retention: 48h}}}
events: {answer: {external: true, v1: {key: id, data: Number}}}
%s
types: {Number: {type: object, required: [id], properties: {id: {type: string, minLength: 1}}}}
`, name, kind, handles)})
	if err != nil {
		t.Fatal(err)
	}
	return contract.Derive(f.Contracts[0]).ACLs
}

func renamed(rights []contract.ACL, from, to string) []contract.ACL {
	list := slices.Clone(rights)
	for i := range list {
		list[i].Resource = strings.ReplaceAll(list[i].Resource, from, to)
	}
	return list
}

// Addresses of this machine that the cluster takes for two users: a node has no login there yet.
const (
	nodeHost   = "127.0.0.1"
	peopleHost = "127.0.0.2"
)

// worksWith runs a node with rights and returns nil once an input was answered and a poisoned one is a
// dead letter, else what the node complained about.
func worksWith(t *testing.T, kind onex.Kind, name string, rights []contract.ACL) error {
	t.Helper()
	f := setup(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableACLs(), kfake.User("PLAIN", "ANONYMOUS", "-", acls(t, rights)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	node := asking(kind, name)
	node.Topics = []onex.Topic{{Type: ref(name, "ask"), Retention: 48 * time.Hour}}
	env := f.env([]onex.Node{node}, "a")
	env["ONEX_KAFKA_BROKERS"] = cluster.ListenAddrs()[0]
	for range 2 { // the second start finds its topics and compares them
		r := f.launch(env, node)
		if err := f.complaint(func() error { return r.get("/readyz", 200) }); err != nil {
			return err
		}
		r.halt()
	}
	f.launch(env, node)
	return f.answered(cluster.ListenAddrs()[0], kind, name)
}

// asking describes a node of a kind that answers.
func asking(kind onex.Kind, name string) onex.Node {
	if kind == onex.Reducer {
		return census(name)
	}
	return echo(kind, name, engine.RetryPolicy{}, succeed)
}

// answered asks from the other address.
func (f *fixture) answered(broker string, kind onex.Kind, name string) error {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(peopleHost)}}
	answers, dead := topicOf(event.Event, ref(name, "answer")), event.DeadLetterTopic(name, ref(name, "ask")).String()
	wanted := []string{answers, dead}
	if kind == onex.Reducer {
		wanted = append(wanted, event.SnapshotTopic(name).String())
	}
	people, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.Dialer(from.DialContext), kgo.ConsumeTopics(wanted...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer people.Close()
	asks := []*kgo.Record{root(event.Command, ref(name, "ask"), "k", number{N: 1}), root(event.Command, ref(name, "ask"), "p", number{N: -1})}
	if err := people.ProduceSync(f.t.Context(), asks...).FirstErr(); err != nil {
		return err
	}
	seen := map[string]bool{}
	return f.complaint(func() error {
		ctx, cancel := context.WithTimeout(f.t.Context(), 50*time.Millisecond)
		defer cancel()
		for _, r := range people.PollFetches(ctx).Records() {
			seen[r.Topic] = true
		}
		if len(seen) < len(wanted) {
			return fmt.Errorf("only %v has records", seen)
		}
		return nil
	})
}

// complaint polls until check returns nil, or until the log of the node says that it lacks a right.
func (f *fixture) complaint(check func() error) error {
	deadline := time.Now().Add(40 * time.Second)
	for {
		err := check()
		if err == nil {
			return nil
		}
		for line := range strings.Lines(f.logs.String()) {
			if strings.Contains(strings.ToUpper(line), "AUTHORIZ") {
				return fmt.Errorf("the node says: %s", line)
			}
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// acls turns rights into those of the cluster, and allows people everything.
func acls(t *testing.T, rights []contract.ACL) []kfake.ACL {
	t.Helper()
	types := map[string]kmsg.ACLResourceType{
		"topic": kmsg.ACLResourceTypeTopic, "group": kmsg.ACLResourceTypeGroup, "transactional-id": kmsg.ACLResourceTypeTransactionalId,
	}
	var list []kfake.ACL
	for _, r := range rights {
		kind, name, _ := strings.Cut(r.Resource, ":")
		operation, err := kmsg.ParseACLOperation(r.Operation)
		if err != nil || types[kind] == 0 {
			t.Fatalf("right %+v: %v", r, err)
		}
		a := kfake.ACL{Resource: types[kind], Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true, Host: nodeHost}
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			a.Name, a.Pattern = prefix, kmsg.ACLResourcePatternTypePrefixed
		}
		list = append(list, a)
	}
	for _, kind := range types {
		list = append(list, kfake.ACL{
			Resource: kind, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true, Host: peopleHost,
		})
	}
	return list
}

// TestForbiddenTopic: a node that may no longer read its input is not ready and says why, and goes on once
// it may again.
func TestForbiddenTopic(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for two looks at the topics")
	}
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	env := f.env([]onex.Node{node}, "a")
	f.guarded(env)
	r := f.launch(env, node)
	f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{}))
	f.eventually("it is handled", func() error { return f.handled(node.Name, 1) })
	topic := topicOf(event.Command, ref(node.Name, "ask"))
	open := kadm.NewACLs().Topics(topic).Allow("User:*").AllowHosts("*").Operations(kmsg.ACLOperationAll).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	forbidden := kadm.NewACLs().Topics(topic).Deny("User:*").DenyHosts("*").Operations(kmsg.ACLOperationRead).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	for _, rights := range []*kadm.ACLBuilder{open, forbidden} { // whatever has a rule has no others
		res, err := f.admin.CreateACLs(t.Context(), rights)
		if err == nil && len(res) > 0 {
			err = res[0].Err
		}
		if errors.Is(err, kerr.SecurityDisabled) {
			t.Skip("the broker checks no rights")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.eventually("the reason is told", func() error {
		if status, body := r.read("/readyz"); status != 503 || !strings.Contains(body, "topic "+topic+" is forbidden to this node") {
			return fmt.Errorf("answer %d %s", status, body)
		}
		return nil
	})
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{N: 1}))
	if _, err := f.admin.DeleteACLs(t.Context(), forbidden); err != nil {
		t.Fatal(err)
	}
	f.eventually("it is ready again", func() error { return r.get("/readyz", 200) })
	f.eventually("the rest is handled", func() error { return f.handled(node.Name, 2) })
}

// guarded points a node and the test at a broker that checks rights: the real one, or one of the test's own.
func (f *fixture) guarded(env map[string]string) {
	f.t.Helper()
	if os.Getenv("TEST_KAFKA_BROKERS") != "" {
		return
	}
	var all []kfake.ACL
	for kind, name := range map[kmsg.ACLResourceType]string{
		kmsg.ACLResourceTypeTopic: "*", kmsg.ACLResourceTypeGroup: "*", kmsg.ACLResourceTypeCluster: "kafka-cluster",
	} {
		all = append(all, kfake.ACL{
			Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true, Host: "*",
		})
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableACLs(), kfake.User("PLAIN", "ANONYMOUS", "-", all...))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(cluster.Close)
	env["ONEX_KAFKA_BROKERS"] = cluster.ListenAddrs()[0]
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.UnknownTopicRetries(20))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	f.kafka, f.admin = client, kadm.NewClient(client)
}

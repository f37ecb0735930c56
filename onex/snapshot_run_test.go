package onex_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// stored is a key's row of table state, or its last snapshot.
type stored struct {
	version       int64
	machine, data string
}

// states reads table state.
func (f *fixture) states(node string) map[string]stored {
	f.t.Helper()
	rows, err := f.db.Query(f.t.Context(), fmt.Sprintf(`SELECT key, version, machine_state, convert_from(data, 'UTF8') FROM %q.state`, provision.Schema(node)))
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	list := map[string]stored{}
	for rows.Next() {
		var key string
		var s stored
		if err := rows.Scan(&key, &s.version, &s.machine, &s.data); err != nil {
			f.t.Fatal(err)
		}
		list[key] = s
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return list
}

// snapshots reads the topic of a node's snapshots until it has the state of each key, and wants the
// versions of each key to rise.
func (f *fixture) snapshots(node string, want map[string]stored) (records int) {
	f.t.Helper()
	last := map[string]stored{}
	for rec := range f.stream(f.t.Context(), event.SnapshotTopic(node).String()) {
		version, err := strconv.ParseInt(header(rec, engine.HeaderVersion), 10, 64)
		if err != nil || version <= last[string(rec.Key)].version {
			f.t.Fatalf("key %s: version %d (%v) after %d", rec.Key, version, err, last[string(rec.Key)].version)
		}
		records++
		last[string(rec.Key)] = stored{version, header(rec, engine.HeaderMachine), string(rec.Value)}
		if fmt.Sprint(last) == fmt.Sprint(want) {
			return records
		}
	}
	f.t.Fatalf("snapshots %v, want %v", last, want)
	return 0
}

// TestSnapshots: the topic of a reducer's snapshots is compacted and ends with what table state holds.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := census(f.name("census"))
	f.start("a", node)
	ask, answer := ref(node.Name, "ask"), topicOf(event.Event, ref(node.Name, "answer"))
	const keys, each = 5, 40
	for i := range keys * each {
		f.produce(root(event.Command, ask, fmt.Sprint("k", i%keys), number{N: i}))
	}
	f.collect(keys*each, answer)
	states := f.states(node.Name)
	if len(states) != keys || states["k0"] != (stored{each, "open", `{"n":40,"id":""}`}) {
		t.Errorf("states %v", states)
	}
	if n := f.snapshots(node.Name, states); n < keys || n > keys*each {
		t.Errorf("%d snapshots", n)
	}
	configs, err := f.admin.DescribeTopicConfigs(t.Context(), event.SnapshotTopic(node.Name).String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == "cleanup.policy" && c.MaybeValue() != "compact" {
			t.Errorf("cleanup.policy is %s", c.MaybeValue())
		}
	}
}

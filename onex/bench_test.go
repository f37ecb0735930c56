package onex_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// BenchmarkDeliver measures a node from its input topic to its output topic, one process, one record
// at a time per partition, tiny payloads.
func BenchmarkDeliver(b *testing.B) {
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		b.Run(string(kind), func(b *testing.B) {
			f := setup(b)
			node := echo(kind, f.name(string(kind)), engine.RetryPolicy{}, succeed)
			f.topic(topicOf(event.Command, ref(node.Name, "ask")))
			records := make([]*kgo.Record, 0, b.N)
			for i := range b.N {
				records = append(records, root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i%100), number{N: i}))
			}
			f.produce(records...)
			b.ResetTimer()
			env := f.env([]onex.Node{node}, "a")
			env["ONEX_LOG_LEVEL"] = "warn"
			r := f.launch(env, node)
			f.eventually("everything is answered", func() error { return f.atLeast(b.N, topicOf(event.Event, ref(node.Name, "answer"))) })
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			r.halt()
		})
	}
}

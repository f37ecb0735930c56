package onex_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// held is what the names of effects begin with that handle nothing before a file is there.
const held = "held"

// waiting describes an effect whose handler waits for the file that ONEX_TEST_GATE names.
func waiting(name string) onex.Node {
	ask, answer := ref(name, "ask"), ref(name, "answer")
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	node.Inputs[0].Timeout = time.Hour
	node.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{ask: onex.Handle(decodeNumber, func(ctx context.Context, in onex.Input[number], out *onex.Emissions) error {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := os.Stat(os.Getenv("ONEX_TEST_GATE")); err == nil {
					out.Add(event.Event, answer, in.Event.PartitionKey, number{N: in.Data.N})
					return nil
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
				}
			}
		})}}, nil
	}
	return node
}

// TestMemoryIsBounded: of large records on many partitions a process whose handlers do not come forward
// holds the budget and what it fetched at once, and nothing is lost.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("sends hundreds of megabytes")
	}
	f := setup(t)
	node := waiting(f.name(held))
	const partitions, each, size, bound = 24, 12, 900_000, 120 << 20
	asks := topicOf(event.Command, ref(node.Name, "ask"))
	if _, err := f.admin.CreateTopic(t.Context(), partitions, -1, nil, asks); err != nil {
		t.Fatal(err)
	}
	f.topic(topicOf(event.Event, ref(node.Name, "answer")))
	noise := make([]byte, size/4*3) // that no compression makes smaller
	_, _ = rand.Read(noise)
	large, err := json.Marshal(number{ID: base64.StdEncoding.EncodeToString(noise)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range partitions * each {
		r := root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i), nil)
		r.Value, r.Partition = large, int32(i%partitions)
		f.produce(r)
	}
	env := f.env([]onex.Node{node}, "a")
	env["ONEX_LOG_LEVEL"], env["GOGC"] = "warn", "10" // so that the heap is what is held
	env["ONEX_TEST_GATE"] = filepath.Join(t.TempDir(), "open")
	cmd := f.child(node, env)
	r := &running{f: f, url: "http://" + env["ONEX_HTTP_ADDR"]}
	most := 0.0
	f.eventually("every partition is paused", func() error {
		heap, paused := metric(r, "go_memstats_heap_alloc_bytes"), metric(r, "onex_fetch_pauses_total")
		if most = max(most, heap); most > bound {
			t.Fatalf("the heap has %.0f MiB, want %d at most", most/(1<<20), bound>>20)
		}
		if paused < partitions {
			return fmt.Errorf("%.0f partitions were paused, the heap has %.0f MiB", paused, heap/(1<<20))
		}
		return nil
	})
	if err := os.WriteFile(env["ONEX_TEST_GATE"], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.collect(partitions*each, topicOf(event.Event, ref(node.Name, "answer")))
	t.Logf("%d MiB of records, at most %.0f MiB of heap", partitions*each*size>>20, most/(1<<20))
	f.terminate(cmd)
}

// metric returns the sum of a metric's series, 0 if there is none.
func metric(r *running, name string) (sum float64) {
	lines := bufio.NewScanner(strings.NewReader(metricsOf(r)))
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if before, _, _ := strings.Cut(series, "{"); before == name {
			n, _ := strconv.ParseFloat(value, 64)
			sum += n
		}
	}
	return sum
}

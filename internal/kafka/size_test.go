package kafka_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	wanted "github.com/omninode-ai/omninode/onex/topic"
)

// TestLargestRecordFits: an envelope with everything at its limit that became a dead letter is taken by a
// topic as nodes create them; nothing is as large among what they send.
func TestLargestRecordFits(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl, created := s.open(t), s.topic+".created"
	if _, err := cl.EnsureTopics(t.Context(), []wanted.Topic{{Name: created, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, event.MaxDataBytes) // that no compression makes smaller
	_, _ = rand.Read(value)
	r := engine.Outgoing{Topic: created, Key: strings.Repeat("k", event.MaxAttribute), Value: value}
	each := event.MaxHeaderBytes / event.MaxHeaders
	for i := range event.MaxHeaders {
		name := fmt.Sprint("header-", i)
		r.Headers = append(r.Headers, event.Header{Key: name, Value: value[:each-len(name)]})
	}
	for _, name := range []string{
		engine.HeaderTopic, engine.HeaderPartition, engine.HeaderOffset, engine.HeaderNode, engine.HeaderClass,
		engine.HeaderAttempts, engine.HeaderTime, engine.HeaderCut,
	} {
		r.Headers = append(r.Headers, event.Header{Key: name, Value: value[:249]}) // as long as a topic's name may be
	}
	r.Headers = append(r.Headers, event.Header{Key: engine.HeaderError, Value: value[:1<<10+3]})
	if err := cl.Produce(t.Context(), []engine.Outgoing{r})[0]; err != nil {
		t.Error(err)
	}
}

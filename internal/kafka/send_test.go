package kafka_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/onex/engine"
)

// TestSendIsTakenOrRefusedTogether: of records that follow one another none is taken after one that was
// refused, whatever the broker's reason.
func TestSendIsTakenOrRefusedTogether(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	requests := 0
	var refuse atomic.Bool
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if requests++; !refuse.Load() {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.ProduceResponse) //nolint:forcetypeassert // that of a produce request
		for _, t := range req.(*kmsg.ProduceRequest).Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.MessageTooLarge.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			res.Topics = append(res.Topics, rt)
		}
		return res, nil, true
	})
	s, err := open(t, c).NewSender()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for wave := range 6 {
		refuse.Store(wave%2 == 0)
		var records []engine.Outgoing
		for i := range 800 {
			records = append(records, out(topic, fmt.Sprint(i%3), strings.Repeat("v", 500)))
		}
		taken := 0
		for _, err := range s.Send(t.Context(), records) {
			if err == nil {
				taken++
			}
		}
		if want := wave % 2 * len(records); taken != want {
			t.Errorf("wave %d: %d records were taken, want %d", wave, taken, want)
		}
	}
	if want := 3*1 + 3*2; requests != want { // after a refusal the topic is met again
		t.Errorf("%d produce requests, want %d", requests, want)
	}
}

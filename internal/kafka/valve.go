package kafka

import (
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Valve keeps topics from being fetched by a member, in its session and in those that follow. The member
// stays in its group and keeps its partitions. It is safe for concurrent use; nil is open.
type Valve struct {
	mu     sync.Mutex
	shut   []string
	client *kgo.Client // of the session
}

// Set shuts exactly some topics.
func (v *Valve) Set(topics []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.shut
	v.shut = slices.Clone(topics)
	if v.client == nil {
		return
	}
	v.client.PauseFetchTopics(v.shut...)
	v.client.ResumeFetchTopics(slices.DeleteFunc(slices.Clone(before), func(t string) bool { return slices.Contains(v.shut, t) })...)
}

// attach shuts the topics of a session that begins.
func (v *Valve) attach(client *kgo.Client) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.client = client
	if client != nil {
		client.PauseFetchTopics(v.shut...)
	}
}

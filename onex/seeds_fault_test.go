package onex

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seedRequest is a type of request and what a broker may answer to it.
type seedRequest struct {
	name   string
	key    kmsg.Key
	errors []*kerr.Error
}

// seedRequests are the types that the processes of a node send.
func seedRequests() []seedRequest {
	coordinator := []*kerr.Error{kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable}
	with := func(more ...*kerr.Error) []*kerr.Error { return append(more, coordinator...) }
	return []seedRequest{
		{"Produce", kmsg.Produce, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicasAfterAppend, kerr.NotEnoughReplicas, kerr.RequestTimedOut}},
		{"Fetch", kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError}},
		{"ListOffsets", kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable}},
		{"Metadata", kmsg.Metadata, []*kerr.Error{kerr.LeaderNotAvailable}},
		{"OffsetCommit", kmsg.OffsetCommit, with(kerr.RebalanceInProgress, kerr.IllegalGeneration)},
		{"OffsetFetch", kmsg.OffsetFetch, with(kerr.UnstableOffsetCommit)},
		{"FindCoordinator", kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
		{"JoinGroup", kmsg.JoinGroup, with(kerr.UnknownMemberID, kerr.RebalanceInProgress)},
		{"SyncGroup", kmsg.SyncGroup, with(kerr.RebalanceInProgress, kerr.IllegalGeneration)},
		{"Heartbeat", kmsg.Heartbeat, with(kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID)},
		{"LeaveGroup", kmsg.LeaveGroup, with(kerr.UnknownMemberID)},
		{"ApiVersions", kmsg.ApiVersions, nil},
		{"InitProducerID", kmsg.InitProducerID, with(kerr.ConcurrentTransactions)},
		{"TxnOffsetCommit", kmsg.TxnOffsetCommit, with(kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress)},
		{"EndTxn", kmsg.EndTxn, with(kerr.ConcurrentTransactions, kerr.TransactionAbortable)},
	}
}

// seedFaults makes requests fail: answered with an error, answered late, or done without an answer.
type seedFaults struct {
	cluster *kfake.Cluster

	mu      sync.Mutex
	random  *rand.Rand
	hits    map[kmsg.Key]int
	planted map[kmsg.Key]*kfake.FaultHandle
	over    bool
}

func newSeedFaults(c *kfake.Cluster, random *rand.Rand) *seedFaults {
	return &seedFaults{cluster: c, random: random, hits: map[kmsg.Key]int{}, planted: map[kmsg.Key]*kfake.FaultHandle{}}
}

// seedFaulty is how long a seed has faults; after that it must come to its end.
const seedFaulty = 2500 * time.Millisecond

// run plants errors, one at a time of each type, and moves leaders and coordinators.
func (f *seedFaults) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, seedFaulty)
	defer cancel()
	defer f.end()
	requests := seedRequests()
	for sleep(ctx, 4*time.Millisecond) == nil {
		f.mu.Lock()
		req, turn := requests[f.random.IntN(len(requests))], f.random.IntN(100)
		f.plant(req)
		f.mu.Unlock()
		switch turn {
		case 0:
			f.cluster.ShufflePartitionLeaders()
		case 1:
			f.cluster.RehashCoordinators()
		}
	}
}

func (f *seedFaults) plant(req seedRequest) {
	before := f.planted[req.key]
	if f.over || len(req.errors) == 0 || before != nil && before.Hits() == 0 {
		return
	}
	if before != nil {
		f.hits[req.key]++
	}
	f.planted[req.key] = f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{req.key}, Err: req.errors[f.random.IntN(len(req.errors))]})
}

// end stops faults.
func (f *seedFaults) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	for key, h := range f.planted {
		f.hits[key] += h.Hits()
		h.Remove()
	}
	clear(f.planted)
}

// ended reports whether there are no more faults.
func (f *seedFaults) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

// counts returns how often each type of request was hit.
func (f *seedFaults) counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for _, req := range seedRequests() {
		counts[req.name] = f.hits[req.key]
	}
	return counts
}

// answer decides what becomes of an answer to a request: it is late, or it never comes.
func (f *seedFaults) answer(key kmsg.Key) (late time.Duration, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return 0, false
	}
	switch f.random.IntN(100) {
	case 0, 1, 2:
		f.hits[key]++
		return time.Duration(f.random.IntN(40)) * time.Millisecond, false
	case 3, 4:
		f.hits[key]++
		return 0, true
	}
	return 0, false
}

// seedNet is the network of one process.
type seedNet struct {
	faults *seedFaults

	mu    sync.Mutex
	gone  bool
	conns map[*seedConn]bool
}

func (n *seedNet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	conn := &seedConn{Conn: c, net: n}
	n.conns[conn] = true
	return conn, nil
}

// down cuts the process off for good.
func (n *seedNet) down() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = true
	for c := range n.conns {
		_ = c.Conn.Close()
	}
}

// seedConn is a connection that knows which requests wait for an answer.
type seedConn struct {
	net.Conn

	net *seedNet

	mu      sync.Mutex
	waiting []kmsg.Key
}

// Close implements net.Conn.
func (c *seedConn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	delete(c.net.conns, c)
	return c.Conn.Close()
}

// Write implements net.Conn. A client writes a request at once: its size, then its type.
func (c *seedConn) Write(b []byte) (int, error) {
	if len(b) >= 6 && int(binary.BigEndian.Uint32(b)) == len(b)-4 {
		c.mu.Lock()
		c.waiting = append(c.waiting, kmsg.Key(binary.BigEndian.Uint16(b[4:])))
		c.mu.Unlock()
	}
	return c.Conn.Write(b)
}

// Read implements net.Conn. What is read first after a request is its answer, unless others are still
// waited for.
func (c *seedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	key, ok := c.next()
	if !ok {
		return n, nil
	}
	late, lost := c.net.faults.answer(key)
	if lost {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	if late > 0 {
		time.Sleep(late)
	}
	return n, nil
}

func (c *seedConn) next() (kmsg.Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return 0, false
	}
	key := c.waiting[0]
	c.waiting = c.waiting[1:]
	return key, true
}

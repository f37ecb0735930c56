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

// seedFaults makes requests fail: answered with an error, answered late, or done without an answer. What it
// does is a function of the seed alone: what is planted at each moment, and what becomes of the n-th answer to
// each type of request. Which request is the n-th, and when a moment comes, is up to goroutines and the clock:
// the client holds a mutex while it joins its group, and a clock of testing/synctest stands still meanwhile.
type seedFaults struct {
	cluster *kfake.Cluster
	seed    uint64

	mu      sync.Mutex
	hits    map[kmsg.Key]int
	answers map[kmsg.Key]uint64
	planted map[kmsg.Key]*kfake.FaultHandle
	over    bool
}

func newSeedFaults(c *kfake.Cluster, seed uint64) *seedFaults {
	return &seedFaults{cluster: c, seed: seed, hits: map[kmsg.Key]int{}, answers: map[kmsg.Key]uint64{}, planted: map[kmsg.Key]*kfake.FaultHandle{}}
}

const (
	// seedFaulty is how long a seed has faults; after that it must come to its end.
	seedFaulty = 2500 * time.Millisecond
	seedMoment = 4 * time.Millisecond
)

// seedPlan is what happens at one moment.
type seedPlan struct {
	request seedRequest
	err     *kerr.Error // nil: none of the type's own
	turn    int         // 0 moves leaders, 1 coordinators
}

// seedSchedule returns what happens at each moment of a seed.
func seedSchedule(seed uint64) []seedPlan {
	random := rand.New(rand.NewPCG(seed, 1))
	requests := seedRequests()
	plans := make([]seedPlan, seedFaulty/seedMoment)
	for i := range plans {
		p := seedPlan{request: requests[random.IntN(len(requests))], turn: random.IntN(100)}
		if which := random.Uint64(); len(p.request.errors) > 0 {
			p.err = p.request.errors[which%uint64(len(p.request.errors))]
		}
		plans[i] = p
	}
	return plans
}

// run plants errors, one at a time of each type, and moves leaders and coordinators.
func (f *seedFaults) run(ctx context.Context) {
	defer f.end()
	for _, p := range seedSchedule(f.seed) {
		if sleep(ctx, seedMoment) != nil {
			return
		}
		f.mu.Lock()
		f.plant(p)
		f.mu.Unlock()
		switch p.turn {
		case 0:
			f.cluster.ShufflePartitionLeaders()
		case 1:
			f.cluster.RehashCoordinators()
		}
	}
}

func (f *seedFaults) plant(p seedPlan) {
	before := f.planted[p.request.key]
	if f.over || p.err == nil || before != nil && before.Hits() == 0 {
		return
	}
	if before != nil {
		f.hits[p.request.key]++
	}
	f.planted[p.request.key] = f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{p.request.key}, Err: p.err})
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
	f.answers[key]++
	if late, lost = seedAnswerFate(f.seed, key, f.answers[key]); late > 0 || lost {
		f.hits[key]++
	}
	return late, lost
}

// seedAnswerFate returns what becomes of the n-th answer to a type of request.
func seedAnswerFate(seed uint64, key kmsg.Key, n uint64) (late time.Duration, lost bool) {
	random := rand.New(rand.NewPCG(seed, 2+n<<16+uint64(key)))
	switch random.IntN(100) {
	case 0, 1, 2:
		return time.Duration(1+random.IntN(40)) * time.Millisecond, false
	case 3, 4:
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

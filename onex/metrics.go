package onex

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// metrics are those of a process; each has the label node.
type metrics struct {
	registry                      *prometheus.Registry
	processed, failed, dead       *prometheus.CounterVec
	duplicates, parked, conflicts *prometheus.CounterVec
	outboxDepth, outboxAge        *prometheus.GaugeVec
	parkedDepth                   *prometheus.GaugeVec
	checks, flags, breaker        *prometheus.GaugeVec
	topicDrift, haltedKeys, pause *prometheus.GaugeVec
	ticks, missed                 *prometheus.CounterVec
	rotations                     *prometheus.CounterVec
	sessions, rebalances, fences  *prometheus.CounterVec
	pauses, transactions, gone    *prometheus.CounterVec
	seconds                       *prometheus.HistogramVec
	rows                          []string // of docs/metrics.md

	mu     sync.RWMutex
	inputs map[nodeInput]inputSeries // those that every record touches
}

type nodeInput struct {
	node  string
	input event.Ref
}

type inputSeries struct {
	seconds   prometheus.Observer
	processed prometheus.Counter
}

// of returns the series of an input.
func (m *metrics) of(node string, input event.Ref) inputSeries {
	at := nodeInput{node, input}
	m.mu.RLock()
	s, ok := m.inputs[at]
	m.mu.RUnlock()
	if ok {
		return s
	}
	s = inputSeries{m.seconds.WithLabelValues(node, input.String()), m.processed.WithLabelValues(node, input.String())}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inputs[at] = s
	return s
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), inputs: map[nodeInput]inputSeries{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "onex_" + name, Help: help}, append([]string{"node"}, labels...))
		m.registry.MustRegister(c)
		m.row(name, "counter", help, labels...)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "onex_" + name, Help: help}, append([]string{"node"}, labels...))
		m.registry.MustRegister(g)
		m.row(name, "gauge", help, labels...)
		return g
	}
	m.processed = counter("processed_total", "Inputs handled and committed.", "input")
	m.failed = counter("failed_total", "Calls of a handler that failed.", "input")
	m.dead = counter("dead_lettered_total", "Inputs that became dead letters.", "input", "class")
	m.duplicates = counter("duplicates_total", "Inputs skipped because they were handled before.", "input")
	m.parked = counter("parked_total", "Inputs put aside for later.", "input", "reason")
	m.conflicts = counter("conflicts_total", "Commits that were computed again because the store had changed.")
	m.ticks = counter("schedule_ticks_total", "Ticks of a schedule that were sent.", "schedule")
	m.missed = counter("schedule_missed_total", "Ticks of a schedule that passed while no process ran.", "schedule")
	m.sessions = counter("sessions_total", "Times the node joined its consumer group.")
	m.rebalances = counter("rebalances_total", "Times partitions came to the process or went.")
	m.fences = counter("fenced_total", "Times a partition was found to be another process's: what was in hand was not committed.")
	m.pauses = counter("fetch_pauses_total", "Times a partition was not fetched for a while, because its queue was full.")
	m.transactions = counter("transactions_total", "Kafka transactions that ended, by result: committed or aborted.", "result")
	m.gone = counter("lost_records_total", "Records that their topic's retention deleted before they were handled.", "topic")
	m.outboxDepth = gauge("outbox_depth", "Records that wait in the outbox; counted up to 10000.")
	m.outboxAge = gauge("outbox_oldest_seconds", "How long the first record of the outbox has waited; 0: there is none.")
	m.parkedDepth = gauge("parked_depth", "Records that are parked; counted up to 10000.")
	m.checks = gauge("check_passes", "Whether a check of what the node needs passed last: 1 or 0.", "check")
	m.flags = gauge("flag", "Whether a flag is on: 1 or 0.", "flag")
	m.haltedKeys = gauge("halted_keys", "Keys that wait for a person: omninode parked.")
	m.pause = gauge("paused", "Whether a person paused an input: 1 or 0.", "input")
	m.topicDrift = gauge("topic_drift", "Whether a property of a topic the node owns is not as its contract wants it: 1.", "topic", "property")
	m.rotations = counter("secret_rotations_total", "Times a secret changed while the node ran, by result: taken or refused.", "key", "result")
	m.breaker = gauge("breaker_state", "Breaker of an input: 0 closed, 1 probing, 2 open.", "input")
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "onex_handler_seconds", Help: "Duration of a handler's calls.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30},
	}, []string{"node", "input"})
	m.row("handler_seconds", "histogram", "Duration of a handler's calls.", "input")
	m.row(lagName, "gauge", lagHelp, "topic", "partition")
	m.row(oldestName, "gauge", oldestHelp, "topic", "partition")
	m.registry.MustRegister(m.seconds, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// observer implements delivery.Observer for one node.
type observer struct {
	*metrics

	node string
}

var _ delivery.Observer = observer{}

// Called implements delivery.Observer.
func (o observer) Called(input event.Ref, took time.Duration, err error) {
	o.of(o.node, input).seconds.Observe(took.Seconds())
	if err != nil {
		o.failed.WithLabelValues(o.node, input.String()).Inc()
	}
}

// Settled implements delivery.Observer.
func (o observer) Settled(c engine.Commit) {
	if c.Result == engine.Handled {
		o.of(o.node, c.Item.Input.Type).processed.Inc()
		return
	}
	input := c.Item.Input.Type.String()
	switch c.Result {
	case engine.Handled:
	case engine.Duplicate:
		o.duplicates.WithLabelValues(o.node, input).Inc()
	case engine.DeadLettered:
		o.dead.WithLabelValues(o.node, input, string(c.Class)).Inc()
	case engine.Waiting, engine.Retried, engine.KeyHalted:
		reason := engine.Retry
		if c.Park != nil {
			reason = c.Park.Reason
		}
		o.parked.WithLabelValues(o.node, input, string(reason)).Inc()
	}
}

// Conflict implements delivery.Observer.
func (o observer) Conflict() { o.conflicts.WithLabelValues(o.node).Inc() }

// Breaker implements delivery.Observer.
func (o observer) Breaker(input event.Ref, s delivery.BreakerState) {
	o.breaker.WithLabelValues(o.node, input.String()).Set(float64(s))
}

func (o observer) ticked(schedule string, missed int) {
	o.ticks.WithLabelValues(o.node, schedule).Inc()
	o.missed.WithLabelValues(o.node, schedule).Add(float64(missed))
}

func (o observer) rotated(key string, err error) {
	result := "taken"
	if err != nil {
		result = "refused"
	}
	o.rotations.WithLabelValues(o.node, key, result).Inc()
}

func (o observer) joined()     { o.sessions.WithLabelValues(o.node).Inc() }
func (o observer) rebalanced() { o.rebalances.WithLabelValues(o.node).Inc() }
func (o observer) fenced()     { o.fences.WithLabelValues(o.node).Inc() }

func (o observer) queueFull(full bool) {
	if full {
		o.pauses.WithLabelValues(o.node).Inc()
	}
}

func (o observer) transaction(committed bool) {
	result := "aborted"
	if committed {
		result = "committed"
	}
	o.transactions.WithLabelValues(o.node, result).Inc()
}

func (o observer) lost(topic string, records int64) {
	o.gone.WithLabelValues(o.node, topic).Add(float64(records))
}

func (o observer) depths(d postgres.Depths) {
	o.outboxDepth.WithLabelValues(o.node).Set(float64(d.Outbox))
	o.parkedDepth.WithLabelValues(o.node).Set(float64(d.Parked))
	o.outboxAge.WithLabelValues(o.node).Set(d.Oldest.Seconds())
}

func (o observer) halted(keys int64) { o.haltedKeys.WithLabelValues(o.node).Set(float64(keys)) }

func (o observer) paused(input event.Ref, yes bool) {
	o.pause.WithLabelValues(o.node, input.String()).Set(oneIf(yes))
}

func (o observer) drift(topic, property string, differs bool) {
	if differs {
		o.topicDrift.WithLabelValues(o.node, topic, property).Set(1)
	} else {
		o.topicDrift.DeleteLabelValues(o.node, topic, property)
	}
}

func (o observer) checked(check string, passes bool) {
	o.checks.WithLabelValues(o.node, check).Set(oneIf(passes))
}

func (o observer) flag(f config.FlagValue) {
	o.flags.WithLabelValues(o.node, f.Key).Set(oneIf(f.On))
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

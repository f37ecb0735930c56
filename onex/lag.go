package onex

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/omninode-ai/omninode/internal/kafka"
)

const (
	lagName    = "lag_records"
	lagHelp    = "Records of a partition from the first that is not committed to the end of the log."
	oldestName = "oldest_unhandled_seconds"
	oldestHelp = "Age in seconds of the oldest record of a partition that was fetched and is not committed; 0: there is none."
)

// lag measures how far a node is behind when it is asked, for the partitions it has then.
type lag struct {
	progress        *kafka.Progress
	records, oldest *prometheus.Desc
}

var _ prometheus.Collector = lag{}

// follow adds how far a node is behind to what is measured.
func (m *metrics) follow(node string, p *kafka.Progress) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("onex_"+name, help, []string{"topic", "partition"}, prometheus.Labels{"node": node})
	}
	m.registry.MustRegister(lag{p, desc(lagName, lagHelp), desc(oldestName, oldestHelp)})
}

// Describe implements prometheus.Collector.
func (l lag) Describe(to chan<- *prometheus.Desc) {
	to <- l.records
	to <- l.oldest
}

// Collect implements prometheus.Collector.
func (l lag) Collect(to chan<- prometheus.Metric) {
	for _, b := range l.progress.Behind(time.Now()) {
		partition := strconv.Itoa(int(b.Partition))
		to <- prometheus.MustNewConstMetric(l.records, prometheus.GaugeValue, float64(b.Records), b.Topic, partition)
		to <- prometheus.MustNewConstMetric(l.oldest, prometheus.GaugeValue, b.Oldest.Seconds(), b.Topic, partition)
	}
}

// row remembers what docs/metrics.md is to say of a metric.
func (m *metrics) row(name, kind, help string, labels ...string) {
	m.rows = append(m.rows, "| `onex_"+name+"` | "+kind+" | "+strings.Join(append([]string{"node"}, labels...), ", ")+" | "+help+" |")
}

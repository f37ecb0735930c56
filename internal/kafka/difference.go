package kafka

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/topic"
)

// Properties are those of topics that are compared, by name.
func Properties() []string {
	return []string{partitionsProperty, retentionConfig, cleanupConfig, inSyncConfig, sizeConfig}
}

// The properties of topics that are compared. All but the partitions are settings of the topic, under
// Kafka's own names.
const (
	partitionsProperty = "partitions"
	retentionConfig    = "retention.ms"
	cleanupConfig      = "cleanup.policy"
	inSyncConfig       = "min.insync.replicas"
	sizeConfig         = "max.message.bytes"
)

// maxRecordBytes is the least a topic has to take: more than the largest batch a client of ours sends,
// and that is more than the largest envelope with the headers of a dead letter.
const maxRecordBytes = 1 << 20

// Difference is one property of a topic that is not as its contract wants it.
type Difference struct {
	Topic, Property string
	Has, Wants      string
	Safe            bool   // changing it loses nothing and moves nothing
	Final           bool   // nothing can change it
	Why             string // what changing it means for the records that are there
	Remedy          string // for a person who has weighed that
}

// actual is what a cluster's topic is like.
type actual struct {
	found

	configs map[string]string
}

// differences compares a topic of the cluster with what is wanted; a retention that is not declared is
// not looked at.
func differences(t topic.Topic, a actual) []Difference {
	var list []Difference
	add := func(d Difference) {
		d.Topic = t.Name
		if d.Remedy == "" {
			d.Remedy = fmt.Sprintf("kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s", t.Name, d.Property, d.Wants)
		}
		list = append(list, d)
	}
	if a.partitions != int(t.Partitions) && (!t.Wider || a.partitions < int(t.Partitions)) {
		add(partitionsDiffer(t, a.partitions))
	}
	if want, has := retained(t), a.configs[retentionConfig]; want != "" && has != want {
		add(retentionDiffers(t, has))
	}
	if has := a.configs[cleanupConfig]; !samePolicy(has, cleanup(t)) {
		add(cleanupDiffers(t, a, has))
	}
	if has, want := number(a.configs[inSyncConfig]), inSync(a.replication); has < want || has > a.replication {
		why := fmt.Sprintf("of %d replicas, a write is acknowledged by %d: one broker can be lost without a record", a.replication, want)
		if has > a.replication {
			why = fmt.Sprintf("there are %d replicas: nothing can be written until then", a.replication)
		}
		add(Difference{Property: inSyncConfig, Has: strconv.Itoa(has), Wants: strconv.Itoa(want), Safe: true, Why: why})
	}
	if has := number(a.configs[sizeConfig]); has < maxRecordBytes {
		add(Difference{
			Property: sizeConfig, Has: strconv.Itoa(has), Wants: strconv.Itoa(maxRecordBytes), Safe: true,
			Why: "records that a node may send are refused until then",
		})
	}
	return list
}

func partitionsDiffer(t topic.Topic, has int) Difference {
	d := Difference{
		Property: partitionsProperty, Has: strconv.Itoa(has), Wants: strconv.Itoa(int(t.Partitions)),
		Final: true, Why: "a topic cannot lose partitions",
		Remedy: fmt.Sprintf("declare partitions: %d, or a new version of the message", has),
	}
	if has < int(t.Partitions) {
		d.Final, d.Why = false, "keys move to other partitions: the order of a key's records before and after is lost"
		d.Remedy = fmt.Sprintf("once its records are consumed: kafka-topics.sh --alter --topic %s --partitions %d", t.Name, t.Partitions)
	}
	return d
}

// retentionDiffers: to keep records longer loses nothing.
func retentionDiffers(t topic.Topic, has string) Difference {
	d := Difference{Property: retentionConfig, Has: has, Wants: retained(t), Safe: true, Why: "records are kept for longer"}
	if n := number(has); n < 0 || int64(n) > t.Retention.Milliseconds() {
		d.Safe, d.Why = false, "records older than "+t.Retention.String()+" are deleted"
	}
	return d
}

// cleanupDiffers: to compact a topic of snapshots removes what they replace; to delete by age where
// nothing was deleted so far removes what is old.
func cleanupDiffers(t topic.Topic, a actual, has string) Difference {
	d := Difference{Property: cleanupConfig, Has: has, Wants: cleanup(t), Safe: true, Why: "no record is lost to a later one of its key any more"}
	switch kept := number(a.configs[retentionConfig]); {
	case t.Compact:
		d.Why = "the last record of a key is kept for ever, earlier ones are removed"
	case kept >= 0 && !strings.Contains(has, "delete"):
		d.Safe, d.Why = false, "records older than "+(time.Duration(kept)*time.Millisecond).String()+" are deleted"
	}
	return d
}

// inSync returns how many of a topic's replicas acknowledge a write: with three, one may be away.
func inSync(replication int) int {
	if replication >= 3 {
		return 2
	}
	return 1
}

func cleanup(t topic.Topic) string {
	if t.Compact {
		return "compact"
	}
	return "delete"
}

// retained returns the value of retention.ms, "" if it is the cluster's.
func retained(t topic.Topic) string {
	if t.Compact || t.Retention <= 0 {
		return ""
	}
	return strconv.FormatInt(t.Retention.Milliseconds(), 10)
}

func samePolicy(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// number reads a setting; 0 if it has no value.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

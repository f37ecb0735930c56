package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaConfig says how the in-process broker runs; the zero value keeps everything in memory.
type KafkaConfig struct {
	Dir  string // keeps topics, records and groups; "" is memory
	Port int    // on 127.0.0.1; 0 chooses a free one
}

// Kafka is a broker in this process that speaks the Kafka protocol including transactions. As on
// the real broker of a fleet, using a topic does not make it. It has no replication.
type Kafka struct {
	cluster *kfake.Cluster
	dir     *workDir
	addr    string
}

// StartKafka starts the broker.
func StartKafka(cfg KafkaConfig) (*Kafka, error) {
	k := &Kafka{}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.DefaultNumPartitions(1), kfake.Ports(cfg.Port),
		kfake.ClusterID("omninode"), kfake.ListenFn(listenKafka(cfg.Port)),
	}
	if cfg.Dir != "" {
		var err error
		if k.dir, err = openWorkDir(cfg.Dir, "kafka"); err != nil {
			return nil, err
		}
		opts = append(opts, kfake.DataDir(k.dir.path))
	}
	var err error
	if k.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, errors.Join(fmt.Errorf("start Kafka: %w", err), k.Stop())
	}
	k.addr = k.cluster.ListenAddrs()[0]
	return k, nil
}

func listenKafka(port int) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(context.Background(), network, address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, occupied("Kafka", port)
		}
		return l, err
	}
}

// Addr returns the broker's host:port.
func (k *Kafka) Addr() string { return k.addr }

// Stop writes what is to be kept and closes every connection. It may be called more than once.
func (k *Kafka) Stop() error {
	if k.cluster != nil {
		k.cluster.Close()
		k.cluster = nil
	}
	if k.dir == nil {
		return nil
	}
	err := k.dir.close()
	k.dir = nil
	return err
}

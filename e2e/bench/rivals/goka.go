package main

import (
	"context"
	"encoding/json"
	"io"
	"log"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/codec"
)

// gokaProcessor sends on what it reads, at least once, with goka's own configuration (config.go of the
// library: batches of 64 KiB or 100 ms, snappy, acknowledged by the leader).
func gokaProcessor(ctx context.Context, p place) error {
	output := goka.Stream(p.output)
	pass := func(c goka.Context, m any) { c.Emit(output, c.Key(), m, goka.WithCtxEmitHeaders(c.Headers())) }
	return runGoka(ctx, p, goka.Input(goka.Stream(p.input), new(codec.Bytes), pass), goka.Output(output, new(codec.Bytes)))
}

// gokaTable keeps a tally per key in goka's table: LevelDB on this machine, and a topic of its changes.
func gokaTable(ctx context.Context, p place) error {
	add := func(c goka.Context, m any) {
		var t tally
		if v, ok := c.Value().(tally); ok {
			t = v
		}
		var o order
		if err := json.Unmarshal(m.([]byte), &o); err != nil {
			c.Fail(err)
		}
		t.Orders++
		for _, l := range o.Lines {
			t.Cents += l.Quantity * l.UnitCents
		}
		c.SetValue(t)
	}
	return runGoka(ctx, p, goka.Input(goka.Stream(p.input), new(codec.Bytes), add), goka.Persist(tallyCodec{}))
}

type order struct {
	Lines []struct {
		Quantity  int64 `json:"quantity"`
		UnitCents int64 `json:"unit_cents"`
	} `json:"lines"`
}

type tally struct {
	Orders int64 `json:"orders"`
	Cents  int64 `json:"cents"`
}

// tallyCodec is JSON, as in the library's examples.
type tallyCodec struct{}

func (tallyCodec) Encode(v any) ([]byte, error) { return json.Marshal(v) }

func (tallyCodec) Decode(raw []byte) (any, error) {
	var t tally
	err := json.Unmarshal(raw, &t)
	return t, err
}

func runGoka(ctx context.Context, p place, edges ...goka.Edge) error {
	config := goka.DefaultConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest // the records are there before it starts
	goka.ReplaceGlobalConfig(config)
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication, topics.Stream.Replication = 1, 1
	processor, err := goka.NewProcessor([]string{p.brokers}, goka.DefineGroup(goka.Group(p.group), edges...),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithConfig(config, topics)),
		goka.WithStorageBuilder(leveldb(p)), goka.WithLogger(log.New(io.Discard, "", 0)))
	if err != nil {
		return err
	}
	return processor.Run(ctx)
}

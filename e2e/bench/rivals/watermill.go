package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keyHeader carries the partition key, which watermill-kafka keeps in no field of its own.
const keyHeader = "ce_partitionkey"

// publisher is set up as in watermill-benchmark's pkg/pubsub.go: the library's defaults, with a key.
func publisher(p place) (message.Publisher, error) {
	return kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: []string{p.brokers},
		Marshaler: kafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
			return m.Metadata.Get(keyHeader), nil
		}),
	}, watermill.NopLogger{})
}

// watermillRouter sends on what it reads, at least once, with a router as in the library's examples.
// The subscriber is that of watermill-benchmark's pkg/pubsub.go.
func watermillRouter(ctx context.Context, p place) error {
	config := kafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: []string{p.brokers}, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: config, ConsumerGroup: p.group,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	to, err := publisher(p)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	router.AddHandler("pass", p.input, subscriber, p.output, to, func(m *message.Message) ([]*message.Message, error) {
		return message.Messages{m}, nil
	})
	return router.Run(ctx)
}

const forwarderTopic = "orders"

// schema is the library's own, with the batch its documentation names for throughput.
func schema() sql.DefaultPostgreSQLSchema {
	return sql.DefaultPostgreSQLSchema{SubscribeBatchSize: 500}
}

// watermillForwarder puts BENCH_ROWS messages into the outbox of the library and forwards them to Kafka
// with its forwarder component. "filled" is said in between.
func watermillForwarder(ctx context.Context, p place) error {
	pool, err := pgxpool.New(ctx, p.database)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := sql.BeginnerFromPgx(pool)
	if err := fillOutbox(db, p); err != nil {
		return err
	}
	subscriber, err := sql.NewSubscriber(db, sql.SubscriberConfig{
		ConsumerGroup: p.group, SchemaAdapter: schema(), OffsetsAdapter: sql.DefaultPostgreSQLOffsetsAdapter{},
		PollInterval: 10 * time.Millisecond, InitializeSchema: true,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	to, err := publisher(p)
	if err != nil {
		return err
	}
	f, err := forwarder.NewForwarder(subscriber, to, watermill.NopLogger{}, forwarder.Config{ForwarderTopic: forwarderTopic})
	if err != nil {
		return err
	}
	return f.Run(ctx)
}

func fillOutbox(db sql.Beginner, p place) error {
	rows, err := strconv.Atoi(os.Getenv("BENCH_ROWS"))
	if err != nil {
		return fmt.Errorf("BENCH_ROWS: %w", err)
	}
	outbox, err := sql.NewPublisher(db, sql.PublisherConfig{SchemaAdapter: schema(), AutoInitializeSchema: true}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	enveloped := forwarder.NewPublisher(outbox, forwarder.PublisherConfig{ForwarderTopic: forwarderTopic})
	keys, err := strconv.Atoi(os.Getenv("BENCH_KEYS"))
	if err != nil {
		return fmt.Errorf("BENCH_KEYS: %w", err)
	}
	const batch = 500
	var messages []*message.Message
	for i := range rows {
		raw, err := json.Marshal(map[string]any{"n": i / keys, "note": os.Getenv("BENCH_NOTE")})
		if err != nil {
			return err
		}
		m := message.NewMessage(watermill.NewUUID(), raw)
		m.Metadata.Set(keyHeader, fmt.Sprintf("k%06d", i%keys))
		if messages = append(messages, m); len(messages) == batch || i == rows-1 {
			if err := enveloped.Publish(p.output, messages...); err != nil {
				return err
			}
			messages = nil
		}
	}
	return nil
}

package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// message is a record as a value of the type message of migrations/node.
type message struct {
	topic, key    string
	names, values [][]byte
	value         []byte
}

var _ pgtype.CompositeIndexGetter = message{}

func newMessage(topic, key string, headers []event.Header, value []byte) message {
	m := message{topic: topic, key: key, value: notNil(value)}
	m.names, m.values = unzip(headers)
	return m
}

func messages(records []engine.Outgoing) pgtype.FlatArray[message] {
	list := make(pgtype.FlatArray[message], 0, len(records))
	for _, r := range records {
		list = append(list, newMessage(r.Topic, r.Key, r.Headers, r.Value))
	}
	return list
}

// IsNull implements pgtype.CompositeIndexGetter.
func (m message) IsNull() bool { return false }

// Index implements pgtype.CompositeIndexGetter.
func (m message) Index(i int) any {
	return [...]any{m.topic, []byte(m.key), m.names, m.values, m.value}[i]
}

// learn tells a connection how a message is encoded. A schema that is not migrated does not have the
// type; CheckSchema says so.
func learn(ctx context.Context, conn *pgx.Conn) error {
	const query = `SELECT to_regtype('message')::oid, to_regtype('message[]')::oid`
	var one, many *uint32
	if err := conn.QueryRow(ctx, query).Scan(&one, &many); err != nil {
		return fmt.Errorf("look up type message: %w", err)
	}
	if one == nil || many == nil {
		return nil
	}
	m := conn.TypeMap()
	codec := &pgtype.CompositeCodec{}
	for _, f := range []struct{ name, typ string }{
		{"topic", "text"}, {"key", "bytea"}, {"header_names", "_bytea"}, {"header_values", "_bytea"}, {"value", "bytea"},
	} {
		t, ok := m.TypeForName(f.typ)
		if !ok {
			return fmt.Errorf("type %s of column %s is not known", f.typ, f.name)
		}
		codec.Fields = append(codec.Fields, pgtype.CompositeCodecField{Name: f.name, Type: t})
	}
	element := &pgtype.Type{Name: "message", OID: *one, Codec: codec}
	m.RegisterType(element)
	m.RegisterType(&pgtype.Type{Name: "_message", OID: *many, Codec: &pgtype.ArrayCodec{ElementType: element}})
	return nil
}

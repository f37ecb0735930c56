// Package event defines what travels between nodes: the envelope around a payload, the names of
// message types and topics, and the rule that makes the id of an emitted event deterministic.
//
// The envelope is a CloudEvents 1.0 event in binary content mode of the Kafka protocol binding:
// attributes are record headers with the prefix "ce_", the payload is the record's value. The same
// bytes travel on the embedded and on the real broker.
//
// The package does no I/O and imports nothing of this module.
package event

import (
	"crypto/sha1" //nolint:gosec // of UUIDv5
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// SpecVersion is the CloudEvents version written to and required of every envelope.
const SpecVersion = "1.0"

// Envelope is one event or command together with its metadata. The fields ID to DataSchema are
// CloudEvents attributes, the others are extensions. An Envelope is a value: copying it is safe as
// long as Data is not modified.
type Envelope struct {
	ID              string    // UUID; see DeriveID
	Source          string    // "onex://<node>" of the producer
	Type            Ref       // names the message type, e.g. pricing/order-priced.v1
	Subject         string    // optional: what the event is about
	Time            time.Time // UTC, when the event came into being
	DataContentType string    // always "application/json"
	DataSchema      string    // "onex://schemas/<ref>": the schema version of the payload

	CorrelationID string // the same for everything that follows from one root event
	CausationID   string // ID of the event that caused this one; a root's is its own ID
	PartitionKey  string // key of the Kafka record; events of one key keep their order
	WorkflowID    string // instance of an orchestrator's workflow, copied from cause to effect
	StepID        string // step of that workflow, copied from cause to effect
	TraceParent   string // W3C trace context
	TraceState    string // W3C trace context

	Data []byte // JSON
}

// Source returns the CloudEvents source attribute of a node.
func Source(node string) string { return "onex://" + node }

// DataSchema returns the CloudEvents dataschema attribute of a message type.
func DataSchema(r Ref) string {
	var buf [160]byte
	return string(r.appendTo(append(buf[:0], "onex://schemas/"...)))
}

// NewRoot returns an envelope that nothing caused: its id is random and is its own correlation and
// causation id.
func NewRoot(source string, t Ref, key string, data []byte, now time.Time) Envelope {
	id := uuid.Must(uuid.NewV7()).String()
	return Envelope{
		ID: id, Source: source, Type: t, Time: now.UTC(),
		DataContentType: contentType, DataSchema: DataSchema(t),
		CorrelationID: id, CausationID: id, PartitionKey: key, Data: data,
	}
}

// Effect returns the envelope of the ordinal-th event of type t that node emits because of e. It
// inherits correlation, workflow, step and trace from e; its id is DeriveID's, so emitting it again
// after a crash yields the same event.
func (e Envelope) Effect(node string, t Ref, ordinal int, key string, data []byte, now time.Time) Envelope {
	return Envelope{
		ID: DeriveID(e.ID, node, t, ordinal), Source: Source(node), Type: t, Time: now.UTC(),
		DataContentType: contentType, DataSchema: DataSchema(t),
		CorrelationID: e.CorrelationID, CausationID: e.ID, PartitionKey: key,
		WorkflowID: e.WorkflowID, StepID: e.StepID,
		TraceParent: e.TraceParent, TraceState: e.TraceState, Data: data,
	}
}

// DeriveID returns the id of an emitted event: a UUIDv5 of the id of its cause, the emitting node,
// the type and its ordinal among what was emitted for that cause. The same inputs give the same id
// on every machine, which is how consumers recognise a resend.
func DeriveID(cause, node string, t Ref, ordinal int) string {
	var buf [320]byte
	space := namespace()
	name := append(append(append(buf[:0], space[:]...), cause...), '\n')
	name = append(append(name, node...), '\n')
	name = append(t.appendTo(name), '\n')
	name = strconv.AppendInt(name, int64(ordinal), 10)
	sum := sha1.Sum(name) //nolint:gosec // UUIDv5 demands it
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|5<<4, id[8]&0x3f|0x80
	return id.String()
}

// namespace returns the UUIDv5 of "events.omninode.ai" in the namespace of DNS names.
func namespace() uuid.UUID {
	return uuid.UUID{0x77, 0x95, 0x7c, 0x3e, 0x65, 0xbb, 0x5d, 0x1a, 0xbe, 0x83, 0xb6, 0xbf, 0xb6, 0xe7, 0x6c, 0x2d}
}

// Validate reports the first mandatory attribute that is missing or malformed.
func (e Envelope) Validate() error {
	for _, a := range []struct{ name, value string }{
		{"id", e.ID},
		{"source", e.Source},
		{"correlationid", e.CorrelationID},
		{"causationid", e.CausationID},
		{"partitionkey", e.PartitionKey},
	} {
		if a.value == "" {
			return fmt.Errorf("envelope: attribute %q is missing (%w)", a.name, ErrIncomplete)
		}
	}
	if e.Type.IsZero() {
		return fmt.Errorf("envelope: attribute %q is missing (%w)", "type", ErrIncomplete)
	}
	if e.Time.IsZero() {
		return fmt.Errorf("envelope: attribute %q is missing (%w)", "time", ErrIncomplete)
	}
	return nil
}

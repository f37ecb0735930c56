// Package load is what the speed cases of e2e/bench put their subjects under: the records, the nodes
// that handle them, and the loops written by hand that nodes are compared with. The program
// e2e/bench/subject runs one of them; e2e/bench makes the records and judges what comes out.
package load

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// Line is a part of an order.
type Line struct {
	Quantity  int64  `json:"quantity"`
	Sku       string `json:"sku"`
	UnitCents int64  `json:"unit_cents"`
}

// Validate reports the first violation with its JSON path.
func (l Line) Validate() error {
	return payload.First(
		payload.Field("quantity", l.Quantity, payload.Min[int64](1), payload.Max[int64](1000000)),
		payload.Field("sku", l.Sku, payload.MinLength(1), payload.MaxLength(64)),
		payload.Field("unit_cents", l.UnitCents, payload.Min[int64](0), payload.Max[int64](100000000)),
	)
}

func readLine(r *payload.Reader) (v Line) {
	r.Object([]string{"quantity", "sku", "unit_cents"}, func(name string) {
		switch name {
		case "quantity":
			v.Quantity = r.Int()
		case "sku":
			v.Sku = r.String()
		case "unit_cents":
			v.UnitCents = r.Int()
		}
	})
	return v
}

// Order is the payload, about 1 KB of JSON; it is decoded and validated as generated code does it.
type Order struct {
	N     int64  `json:"n"`    // place among the records of its key
	Sent  int64  `json:"sent"` // nanoseconds since 1970
	Lines []Line `json:"lines"`
	Note  string `json:"note"`
}

// Validate reports the first violation with its JSON path.
func (o Order) Validate() error {
	return payload.First(
		payload.Field("n", o.N, payload.Min[int64](0)),
		payload.Field("lines", o.Lines, payload.Present, payload.MaxItems[Line](1000), payload.Each(Line.Validate)),
		payload.Field("note", o.Note, payload.MaxLength(1000)),
	)
}

// DecodeOrder decodes and validates an order.
func DecodeOrder(data []byte) (Order, error) { return payload.Decode(data, readOrder) }

func readOrder(r *payload.Reader) (v Order) {
	r.Object([]string{"n", "sent", "lines", "note"}, func(name string) {
		switch name {
		case "n":
			v.N = r.Int()
		case "sent":
			v.Sent = r.Int()
		case "lines":
			v.Lines = payload.List(r, readLine)
		case "note":
			v.Note = r.String()
		}
	})
	return v
}

// words make notes that compress as text does.
const words = "the order was placed by a customer who wants it before noon and pays on account please ring twice leave nothing at the door "

// NewOrder returns the i-th order of all, the n-th of its key.
func NewOrder(i, n int, sent time.Time) Order {
	o := Order{N: int64(n), Sent: sent.UnixNano(), Lines: make([]Line, 8)}
	for l := range o.Lines {
		o.Lines[l] = Line{
			Quantity: int64(1 + (i*7+l)%90), Sku: fmt.Sprintf("sku-%08x", uint32(i*2654435761+l*40503)),
			UnitCents: int64((i*31 + l*977) % 100000),
		}
	}
	start := i % len(words)
	o.Note = strings.Repeat(words, 5)[start : start+420]
	return o
}

// Key returns the key of the i-th record when there are so many keys.
func Key(i, keys int) string { return fmt.Sprintf("k%06d", i%keys) }

// Input is the type that every subject consumes.
func Input() event.Ref { return event.MustRef("source/order.v1") }

// InputTopic is where it arrives.
func InputTopic() string { return event.Topic{Class: event.Event, Ref: Input()}.String() }

// Output is the type a node emits.
func Output(node string) event.Ref { return event.Ref{Node: node, Name: "passed", Version: 1} }

// OutputTopic is where it goes.
func OutputTopic(node string) string {
	return event.Topic{Class: event.Event, Ref: Output(node)}.String()
}

// Record returns the i-th record, with the envelope an external producer gives it.
func Record(topic string, t event.Ref, i, keys int, now time.Time) (*kgo.Record, error) {
	raw, err := json.Marshal(NewOrder(i, i/keys, now))
	if err != nil {
		return nil, err
	}
	key := Key(i, keys)
	e := event.NewRoot("onex://source", t, key, raw, now)
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: raw, Headers: Headers(e)}, nil
}

// Headers returns an envelope's headers as the client wants them.
func Headers(e event.Envelope) []kgo.RecordHeader {
	var headers []kgo.RecordHeader
	for _, h := range e.Headers() {
		headers = append(headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return headers
}

// PlaceOf returns which of all records a record is, given how many keys there are.
func PlaceOf(r *kgo.Record, keys int) (int, error) {
	var k int
	if _, err := fmt.Sscanf(string(r.Key), "k%d", &k); err != nil {
		return 0, fmt.Errorf("key %q: %w", r.Key, err)
	}
	var o struct{ N int }
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return 0, err
	}
	return o.N*keys + k, nil
}

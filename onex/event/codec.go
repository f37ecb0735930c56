package event

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Header is one record header.
type Header struct {
	Key   string
	Value []byte
}

// Limits of what Decode accepts; an envelope beyond them is malformed.
const (
	MaxHeaders     = 64
	MaxHeaderBytes = 8 << 10   // keys and values together
	MaxDataBytes   = 960 << 10 // with headers and those of a dead letter it fits Kafka's default of 1 MiB
	MaxAttribute   = 1 << 10   // bytes of one attribute: it must fit an index of the database
)

const (
	contentType    = "application/json"
	headerPrefix   = "ce_"
	contentTypeKey = "content-type"
	timeLayout     = time.RFC3339Nano
)

// What is wrong with a record that is no envelope, in so far as it matters who has to mend it. An error
// of Decode that is none of these says that the record is malformed.
var (
	ErrIncomplete = errors.New("an attribute is missing")
	ErrTooLarge   = errors.New("the payload is too large")
	ErrHeaders    = errors.New("the headers are too many or too large")
)

// Headers encodes e's attributes as the record headers of the CloudEvents Kafka binding, in a fixed
// order. Optional attributes that are empty are left out.
func (e Envelope) Headers() []Header {
	var names [15]string
	var ends [15]int
	values, n, last := make([]byte, 0, 512), 0, 0
	end := func(name string) {
		if len(values) > last {
			names[n], ends[n], last = name, len(values), len(values)
			n++
		}
	}
	add := func(name, value string) {
		values = append(values, value...)
		end(name)
	}
	add("ce_specversion", SpecVersion)
	add("ce_id", e.ID)
	add("ce_source", e.Source)
	values = e.Type.appendTo(values)
	end("ce_type")
	add("ce_subject", e.Subject)
	values = e.Time.UTC().AppendFormat(values, timeLayout)
	end("ce_time")
	add("ce_dataschema", e.DataSchema)
	add("ce_correlationid", e.CorrelationID)
	add("ce_causationid", e.CausationID)
	add("ce_partitionkey", e.PartitionKey)
	add("ce_workflowid", e.WorkflowID)
	add("ce_stepid", e.StepID)
	add("ce_traceparent", e.TraceParent)
	add("ce_tracestate", e.TraceState)
	add(contentTypeKey, contentType)
	return cut(names[:n], ends[:n], values)
}

// cut returns headers whose values follow one another in one piece of memory.
func cut(names []string, ends []int, values []byte) []Header {
	headers, first := make([]Header, len(names)), 0
	for i, name := range names {
		headers[i] = Header{Key: name, Value: values[first:ends[i]:ends[i]]}
		first = ends[i]
	}
	return headers
}

// Decode is the inverse of Headers: it reads an envelope from a record. Unknown headers are ignored.
// The error names the attribute that is missing, malformed or given twice; the envelope returned
// with an error holds what could be read, so that a dead letter can name its origin.
func Decode(headers []Header, value []byte) (Envelope, error) {
	if err := checkHeaders(headers); err != nil {
		return Envelope{}, err
	}
	if err := checkTwice(headers); err != nil {
		return Envelope{}, err
	}
	a := read(headers)
	e := a.envelope
	e.Data = value
	if err := checkText(headers); err != nil {
		return e, err
	}
	if len(value) > MaxDataBytes {
		e.Type, _ = ParseRef(a.ref)
		return e, fmt.Errorf("envelope: payload of %d bytes, at most %d are allowed (%w)", len(value), MaxDataBytes, ErrTooLarge)
	}
	if a.specVersion != SpecVersion {
		return e, fmt.Errorf("envelope: attribute %q is %q, want %q", "specversion", a.specVersion, SpecVersion)
	}
	if e.DataContentType != contentType {
		return e, fmt.Errorf("envelope: header %q is %q, want %q", contentTypeKey, e.DataContentType, contentType)
	}
	// Validate reports what is missing.
	var err error
	if e.Type, err = ParseRef(a.ref); err != nil && a.ref != "" {
		return e, fmt.Errorf("envelope: attribute %q: %w", "type", err)
	}
	if e.Time, err = time.Parse(timeLayout, a.time); err != nil && a.time != "" {
		return e, fmt.Errorf("envelope: attribute %q: %w", "time", err)
	}
	return e, e.Validate()
}

func checkTwice(headers []Header) error {
	for i := range headers {
		for j := range i {
			if headers[i].Key == headers[j].Key {
				return fmt.Errorf("envelope: header %q is given twice", headers[i].Key)
			}
		}
	}
	return nil
}

// attributes is what headers say, as text.
type attributes struct {
	envelope               Envelope
	specVersion, ref, time string
}

// read takes the attributes from headers. All of their text is one piece of memory.
func read(headers []Header) (a attributes) {
	size := 0
	for _, h := range headers {
		size += len(h.Value)
	}
	var text strings.Builder
	text.Grow(size)
	for _, h := range headers {
		text.Write(h.Value)
	}
	rest := text.String()
	for _, h := range headers {
		if field := a.field(h.Key); field != nil {
			*field = rest[:len(h.Value)]
		}
		rest = rest[len(h.Value):]
	}
	return a
}

// field returns where an attribute belongs, nil if it is none.
func (a *attributes) field(header string) *string {
	e := &a.envelope
	switch header {
	case "ce_specversion":
		return &a.specVersion
	case "ce_id":
		return &e.ID
	case "ce_source":
		return &e.Source
	case "ce_type":
		return &a.ref
	case "ce_subject":
		return &e.Subject
	case "ce_time":
		return &a.time
	case contentTypeKey:
		return &e.DataContentType
	case "ce_dataschema":
		return &e.DataSchema
	default:
		return a.extension(header)
	}
}

func (a *attributes) extension(header string) *string {
	e := &a.envelope
	switch header {
	case "ce_correlationid":
		return &e.CorrelationID
	case "ce_causationid":
		return &e.CausationID
	case "ce_partitionkey":
		return &e.PartitionKey
	case "ce_workflowid":
		return &e.WorkflowID
	case "ce_stepid":
		return &e.StepID
	case "ce_traceparent":
		return &e.TraceParent
	case "ce_tracestate":
		return &e.TraceState
	default:
		return nil
	}
}

// checkText refuses attributes that could not be stored and shown as text everywhere.
func checkText(headers []Header) error {
	for _, h := range headers {
		switch {
		case !strings.HasPrefix(h.Key, headerPrefix):
		case len(h.Value) > MaxAttribute:
			return fmt.Errorf("envelope: header %q has %d bytes, at most %d are allowed", h.Key, len(h.Value), MaxAttribute)
		case !printable(h.Value):
			return fmt.Errorf("envelope: header %q is not printable text", h.Key)
		}
	}
	return nil
}

func printable(value []byte) bool {
	for i, c := range value {
		if c < ' ' || c > '~' {
			rest := value[i:]
			return utf8.Valid(rest) && !bytes.ContainsFunc(rest, unicode.IsControl)
		}
	}
	return true
}

func checkHeaders(headers []Header) error {
	if len(headers) > MaxHeaders {
		return fmt.Errorf("envelope: %d headers, at most %d are allowed (%w)", len(headers), MaxHeaders, ErrHeaders)
	}
	size := 0
	for _, h := range headers {
		size += len(h.Key) + len(h.Value)
	}
	if size > MaxHeaderBytes {
		return fmt.Errorf("envelope: %d bytes of headers, at most %d are allowed (%w)", size, MaxHeaderBytes, ErrHeaders)
	}
	return nil
}

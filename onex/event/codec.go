package event

import (
	"fmt"
	"maps"
	"slices"
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

// Headers encodes e's attributes as the record headers of the CloudEvents Kafka binding, in a fixed
// order. Optional attributes that are empty are left out.
func (e Envelope) Headers() []Header {
	hs := make([]Header, 0, 15)
	add := func(key, value string) {
		if value != "" {
			hs = append(hs, Header{Key: headerPrefix + key, Value: []byte(value)})
		}
	}
	add("specversion", SpecVersion)
	add("id", e.ID)
	add("source", e.Source)
	add("type", e.Type.String())
	add("subject", e.Subject)
	add("time", e.Time.UTC().Format(timeLayout))
	add("dataschema", e.DataSchema)
	add("correlationid", e.CorrelationID)
	add("causationid", e.CausationID)
	add("partitionkey", e.PartitionKey)
	add("workflowid", e.WorkflowID)
	add("stepid", e.StepID)
	add("traceparent", e.TraceParent)
	add("tracestate", e.TraceState)
	return append(hs, Header{Key: contentTypeKey, Value: []byte(contentType)})
}

// Decode is the inverse of Headers: it reads an envelope from a record. Unknown headers are ignored.
// The error names the attribute that is missing, malformed or given twice; the envelope returned
// with an error holds what could be read, so that a dead letter can name its origin.
func Decode(headers []Header, value []byte) (Envelope, error) {
	if err := checkLimits(headers, value); err != nil {
		return Envelope{}, err
	}
	attrs := make(map[string]string, len(headers))
	for _, h := range headers {
		if _, dup := attrs[h.Key]; dup {
			return Envelope{}, fmt.Errorf("envelope: header %q is given twice", h.Key)
		}
		attrs[h.Key] = string(h.Value)
	}
	e := fromAttributes(attrs, value)
	if err := checkText(attrs); err != nil {
		return e, err
	}
	if v := attrs[headerPrefix+"specversion"]; v != SpecVersion {
		return e, fmt.Errorf("envelope: attribute %q is %q, want %q", "specversion", v, SpecVersion)
	}
	if ct := attrs[contentTypeKey]; ct != contentType {
		return e, fmt.Errorf("envelope: header %q is %q, want %q", contentTypeKey, ct, contentType)
	}
	var err error
	if e.Type, err = ParseRef(attrs[headerPrefix+"type"]); err != nil {
		return e, fmt.Errorf("envelope: attribute %q: %w", "type", err)
	}
	if e.Time, err = time.Parse(timeLayout, attrs[headerPrefix+"time"]); err != nil {
		return e, fmt.Errorf("envelope: attribute %q: %w", "time", err)
	}
	return e, e.Validate()
}

func fromAttributes(attrs map[string]string, value []byte) Envelope {
	get := func(key string) string { return attrs[headerPrefix+key] }
	return Envelope{
		ID: get("id"), Source: get("source"), Subject: get("subject"),
		DataContentType: attrs[contentTypeKey], DataSchema: get("dataschema"),
		CorrelationID: get("correlationid"), CausationID: get("causationid"),
		PartitionKey: get("partitionkey"), WorkflowID: get("workflowid"), StepID: get("stepid"),
		TraceParent: get("traceparent"), TraceState: get("tracestate"), Data: value,
	}
}

// checkText refuses attributes that could not be stored and shown as text everywhere.
func checkText(attrs map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		value := attrs[key]
		switch {
		case !strings.HasPrefix(key, headerPrefix):
		case len(value) > MaxAttribute:
			return fmt.Errorf("envelope: header %q has %d bytes, at most %d are allowed", key, len(value), MaxAttribute)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return fmt.Errorf("envelope: header %q is not printable text", key)
		}
	}
	return nil
}

func checkLimits(headers []Header, value []byte) error {
	if len(headers) > MaxHeaders {
		return fmt.Errorf("envelope: %d headers, at most %d are allowed", len(headers), MaxHeaders)
	}
	size := 0
	for _, h := range headers {
		size += len(h.Key) + len(h.Value)
	}
	if size > MaxHeaderBytes {
		return fmt.Errorf("envelope: %d bytes of headers, at most %d are allowed", size, MaxHeaderBytes)
	}
	if len(value) > MaxDataBytes {
		return fmt.Errorf("envelope: payload of %d bytes, at most %d are allowed", len(value), MaxDataBytes)
	}
	return nil
}

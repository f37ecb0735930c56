package event_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/event"
)

func example() event.Envelope {
	root := event.NewRoot("onex://test", event.MustRef("pricing/price-order.v1"), "order-1", []byte(`{"order_id":"1"}`), when())
	root.Subject, root.WorkflowID, root.StepID = "order 1", "wf", "price"
	root.TraceParent, root.TraceState = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"
	return root
}

func TestCodecKeepsEveryAttribute(t *testing.T) {
	t.Parallel()
	e := example()
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("the example has no %s; a lost attribute would go unseen", v.Type().Field(i).Name)
		}
	}
	got, err := event.Decode(e.Headers(), e.Data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, e) {
		t.Errorf("decoded\n%+v\nwant\n%+v", got, e)
	}
}

// TestWireFormat holds the codec to the names of the CloudEvents binding.
func TestWireFormat(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, h := range example().Headers() {
		got[h.Key] = string(h.Value)
	}
	for key, want := range map[string]string{
		"ce_specversion": "1.0", "ce_source": "onex://test", "ce_type": "pricing/price-order.v1",
		"ce_time": "2026-11-23T14:30:00.123456789Z", "ce_dataschema": "onex://schemas/pricing/price-order.v1",
		"ce_partitionkey": "order-1", "ce_workflowid": "wf", "ce_stepid": "price",
		"ce_traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "content-type": "application/json",
	} {
		if got[key] != want {
			t.Errorf("header %s is %q, want %q", key, got[key], want)
		}
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	with := func(key, value string) []event.Header {
		hs := slices.DeleteFunc(example().Headers(), func(h event.Header) bool { return h.Key == key })
		if value != "" {
			hs = append(hs, event.Header{Key: key, Value: []byte(value)})
		}
		return hs
	}
	var many []event.Header
	for range event.MaxHeaders + 1 {
		many = append(many, event.Header{Key: "x"})
	}
	for _, tt := range []struct {
		name    string
		headers []event.Header
		value   []byte
		want    string
	}{
		{"no id", with("ce_id", ""), nil, `"id"`},
		{"no source", with("ce_source", ""), nil, `"source"`},
		{"no correlation id", with("ce_correlationid", ""), nil, `"correlationid"`},
		{"no causation id", with("ce_causationid", ""), nil, `"causationid"`},
		{"no key", with("ce_partitionkey", ""), nil, `"partitionkey"`},
		{"no type", with("ce_type", ""), nil, `"type"`},
		{"no time", with("ce_time", ""), nil, `"time"`},
		{"other version", with("ce_specversion", "0.3"), nil, `"specversion"`},
		{"other content", with("content-type", "text/plain"), nil, `"content-type"`},
		{"malformed type", with("ce_type", "order"), nil, `"type"`},
		{"malformed time", with("ce_time", "yesterday"), nil, `"time"`},
		{"twice", append(example().Headers(), event.Header{Key: "ce_id", Value: []byte("x")}), nil, `"ce_id" is given twice`},
		{"line break", with("ce_subject", "a\nb"), nil, `"ce_subject"`},
		{"no UTF-8", with("ce_subject", "\xff"), nil, `"ce_subject"`},
		{"long attribute", with("ce_subject", strings.Repeat("a", event.MaxAttribute+1)), nil, `"ce_subject"`},
		{"many headers", many, nil, "headers"},
		{"long headers", with("x", strings.Repeat("a", event.MaxHeaderBytes)), nil, "bytes of headers"},
		{"long payload", example().Headers(), make([]byte, event.MaxDataBytes+1), "payload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := event.Decode(tt.headers, tt.value); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestUnknownHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	hs := append(example().Headers(), event.Header{Key: "ce_shoe", Value: []byte("left")}, event.Header{Key: "x-other"})
	if _, err := event.Decode(hs, nil); err != nil {
		t.Error(err)
	}
}

// A failed decoding still tells what could be read, so that a dead letter can name its origin.
func TestDecodeTellsWhatItCould(t *testing.T) {
	t.Parallel()
	hs := slices.DeleteFunc(example().Headers(), func(h event.Header) bool { return h.Key == "ce_time" })
	if e, err := event.Decode(hs, nil); err == nil || e.Source != "onex://test" {
		t.Errorf("error %v, source %q", err, e.Source)
	}
}

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.StringMatching(`[ -~]{1,40}`)
	rapid.Check(t, func(t *rapid.T) {
		e := example()
		e.Type = refs().Draw(t, "type")
		e.ID, e.Source, e.Subject = text.Draw(t, "id"), text.Draw(t, "source"), text.Draw(t, "subject")
		e.CorrelationID, e.CausationID = text.Draw(t, "correlation"), text.Draw(t, "causation")
		e.PartitionKey, e.TraceState = text.Draw(t, "key"), text.Draw(t, "tracestate")
		e.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		got, err := event.Decode(e.Headers(), e.Data)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("decoded %+v, %v\nwant %+v", got, err, e)
		}
	})
}

// FuzzDecode feeds headers as "key: value" lines. Whatever is accepted must survive a round trip.
func FuzzDecode(f *testing.F) {
	var seed bytes.Buffer
	for _, h := range example().Headers() {
		seed.WriteString(h.Key + ": " + string(h.Value) + "\n")
	}
	f.Add(seed.Bytes(), []byte(`{}`))
	f.Add([]byte("ce_id: \xff\n"), []byte(nil))
	f.Fuzz(func(t *testing.T, lines, data []byte) {
		var hs []event.Header
		for line := range bytes.Lines(lines) {
			key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
			hs = append(hs, event.Header{Key: string(key), Value: value})
		}
		e, err := event.Decode(hs, data)
		if err != nil {
			return
		}
		again, err := event.Decode(e.Headers(), e.Data)
		if err != nil {
			t.Fatalf("accepted, but its own encoding is not: %v", err)
		}
		if !again.Time.Equal(e.Time) {
			t.Fatalf("time %v became %v", e.Time, again.Time)
		}
		again.Time = e.Time
		if !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}

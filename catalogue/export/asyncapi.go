package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// document is an AsyncAPI 3.0 document.
type document struct {
	AsyncAPI    string               `json:"asyncapi"`
	Info        info                 `json:"info"`
	ContentType string               `json:"defaultContentType"`
	Channels    map[string]channel   `json:"channels"`
	Operations  map[string]operation `json:"operations"`
	Components  components           `json:"components"`
}

type info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
	Tags        []tag  `json:"tags,omitempty"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type reference struct {
	Ref string `json:"$ref"`
}

type channel struct {
	Address     string               `json:"address"`
	Title       string               `json:"title"`
	Description string               `json:"description,omitempty"`
	Messages    map[string]reference `json:"messages"`
	Tags        []tag                `json:"tags"`
	Bindings    bindings             `json:"bindings"`
}

type bindings struct {
	Kafka any `json:"kafka"`
}

type topicBinding struct {
	Partitions int            `json:"partitions"`
	Config     map[string]any `json:"topicConfiguration,omitempty"`
	Version    string         `json:"bindingVersion"`
}

type keyBinding struct {
	Key     *schema `json:"key"`
	Version string  `json:"bindingVersion"`
}

type groupBinding struct {
	Group   *schema `json:"groupId"`
	Version string  `json:"bindingVersion"`
}

const bindingVersion = "0.5.0"

type operation struct {
	Action   string      `json:"action"`
	Channel  reference   `json:"channel"`
	Summary  string      `json:"summary"`
	Messages []reference `json:"messages"`
	Tags     []tag       `json:"tags"`
	Bindings *bindings   `json:"bindings,omitempty"`
}

type components struct {
	Messages       map[string]message     `json:"messages"`
	Schemas        map[string]*schema     `json:"schemas"`
	CorrelationIDs map[string]correlation `json:"correlationIds"`
}

type correlation struct {
	Description string `json:"description"`
	Location    string `json:"location"`
}

type message struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Summary     string    `json:"summary,omitempty"`
	ContentType string    `json:"contentType"`
	Correlation reference `json:"correlationId"`
	Headers     reference `json:"headers"`
	Payload     reference `json:"payload"`
	Bindings    bindings  `json:"bindings"`
	Examples    []example `json:"examples"`
}

type example struct {
	Payload json.RawMessage `json:"payload"`
}

// AsyncAPI returns an AsyncAPI 3.0 document, as JSON, of a fleet, or of one of its nodes with what
// that sends and receives.
func AsyncAPI(f *contract.Fleet, only *contract.Contract) ([]byte, error) {
	d := document{
		AsyncAPI: "3.0.0", Info: about(f, only), ContentType: "application/json",
		Channels: map[string]channel{}, Operations: map[string]operation{},
		Components: components{
			Messages: map[string]message{}, Schemas: map[string]*schema{"envelope": headers()},
			CorrelationIDs: map[string]correlation{"correlation": {
				Description: "Shared by everything that follows from one cause.", Location: "$message.header#/ce_correlationid",
			}},
		},
	}
	for _, flow := range catalogue.Flows(f) {
		if only == nil || flow.Has(only.Node) {
			d.add(flow, only)
		}
	}
	return encode(d)
}

func about(f *contract.Fleet, only *contract.Contract) info {
	if only != nil {
		return info{Title: only.Node, Version: only.Version, Description: only.Description, Tags: []tag{nodeTag(only)}}
	}
	i := info{Title: "The fleet", Version: fingerprint(f), Description: "Every message of the fleet, generated from its contracts."}
	for _, c := range f.Contracts {
		i.Tags = append(i.Tags, nodeTag(c))
	}
	return i
}

// fingerprint stands for the contracts of a fleet as they are: a fleet has no version of its own.
func fingerprint(f *contract.Fleet) string {
	sum := sha256.New()
	for _, c := range f.Contracts {
		sum.Write([]byte(c.Node + " " + c.SHA256 + "\n"))
	}
	return "0.0.0-" + hex.EncodeToString(sum.Sum(nil))[:12]
}

func nodeTag(c *contract.Contract) tag {
	return tag{Name: c.Node, Description: strings.TrimSpace(string(c.Kind) + " " + c.Version + ". " + c.Description)}
}

// name is what a message is called in the document's maps, whose keys have no slash.
func name(r event.Ref) string { return r.Node + "." + r.Local() }

func (d *document) add(f catalogue.Flow, only *contract.Contract) {
	m := f.Message
	n := name(m.Ref)
	d.Channels[n] = channel{
		Address: m.Topic().String(), Title: m.Ref.String(), Description: m.Description,
		Messages: map[string]reference{n: {"#/components/messages/" + n}},
		Tags:     []tag{{Name: catalogue.Class(m)}}, Bindings: bindings{topicOf(m)},
	}
	d.Components.Messages[n] = d.message(m)
	for _, node := range f.Producers {
		d.operate("send", node, m, only)
	}
	for _, node := range f.Consumers {
		d.operate("receive", node, m, only)
	}
}

func topicOf(m *contract.Message) topicBinding {
	b := topicBinding{Partitions: m.Partitions, Version: bindingVersion}
	if m.Retention > 0 {
		b.Config = map[string]any{"retention.ms": m.Retention.Milliseconds()}
	}
	return b
}

func (d *document) message(m *contract.Message) message {
	return message{
		Name: m.Ref.String(), Title: m.Ref.String(), Summary: m.Description, ContentType: "application/json",
		Correlation: reference{"#/components/correlationIds/correlation"}, Headers: reference{"#/components/schemas/envelope"},
		Payload:  reference{d.schema(m.Data)},
		Bindings: bindings{keyBinding{Key: &schema{Type: "string", Description: "The payload's " + m.Key + "."}, Version: bindingVersion}},
		Examples: []example{{Payload: m.Data.Example()}},
	}
}

// schema adds a type and what it is made of to the document and returns where it is.
func (d *document) schema(t *contract.Type) string {
	at := t.Owner.Node + "." + t.Name
	if d.Components.Schemas[at] == nil {
		d.Components.Schemas[at] = object(t, d.schema)
	}
	return "#/components/schemas/" + at
}

// operate says that a node sends or receives a message. What is outside is not described.
func (d *document) operate(action, node string, m *contract.Message, only *contract.Contract) {
	if node == catalogue.Outside || only != nil && node != only.Node {
		return
	}
	n := name(m.Ref)
	op := operation{
		Action: action, Channel: reference{"#/channels/" + n}, Summary: node + " " + action + "s " + m.Ref.String(),
		Messages: []reference{{"#/channels/" + n + "/messages/" + n}}, Tags: []tag{{Name: node}},
	}
	if action == "receive" {
		op.Bindings = &bindings{groupBinding{Group: &schema{Type: "string", Const: event.Group(node)}, Version: bindingVersion}}
	}
	d.Operations[node+"."+action+"."+n] = op
}

// headers describes the envelope of every message: the Kafka binding of CloudEvents.
func headers() *schema {
	s := &schema{Title: "Envelope", Description: "CloudEvents attributes in the headers of the record.", Type: "object", Properties: map[string]*schema{}}
	for _, h := range []struct {
		name, format, description string
		required                  bool
	}{
		{"ce_specversion", "", "Version of CloudEvents.", true},
		{"ce_id", "", "Id of the message; a repetition has the same.", true},
		{"ce_source", "", "Who sent it.", true},
		{"ce_type", "", "The message's type, node/name.vN.", true},
		{"ce_subject", "", "What it is about.", false},
		{"ce_time", "date-time", "When it was made.", true},
		{"ce_dataschema", "", "$id of the payload's schema.", false},
		{"ce_correlationid", "", "Shared by everything that follows from one cause.", true},
		{"ce_causationid", "", "Id of the message that caused it.", true},
		{"ce_partitionkey", "", "Key of the record.", true},
		{"ce_workflowid", "", "Instance of the workflow it belongs to.", false},
		{"ce_stepid", "", "Step of that workflow.", false},
		{"ce_traceparent", "", "W3C trace context.", false},
		{"ce_tracestate", "", "W3C trace context.", false},
		{"content-type", "", "application/json.", true},
	} {
		s.Properties[h.name] = &schema{Type: "string", Format: h.format, Description: h.description}
		if h.required {
			s.Required = append(s.Required, h.name)
		}
	}
	return s
}

package export

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/catalogue/drawing"
	"github.com/omninode-ai/omninode/contract"
)

// Markdown returns a catalogue of the fleet: a page per node, <node>.md, and README.md as its index.
// only restricts it to one node's page; nil is all.
func Markdown(f *contract.Fleet, only *contract.Contract) ([]File, error) {
	var files []File
	if only == nil {
		files = append(files, File{Path: "README.md", Data: index(f)})
	}
	for _, c := range chosen(f, only) {
		files = append(files, File{Path: c.Node + ".md", Data: nodePage(f, c)})
	}
	return files, nil
}

// index lists nodes and messages.
func index(f *contract.Fleet) []byte {
	p := &page{}
	p.line("# Catalogue of the fleet")
	p.line("Written by `omninode export markdown` from the contracts.")
	p.mermaid(drawing.Fleet(f))
	p.line("## Nodes")
	nodes := [][]string{}
	for _, n := range catalogue.Nodes(f) {
		nodes = append(nodes, []string{"[" + n.Name + "](" + n.Name + ".md)", string(n.Kind), n.Version, codes(n.Capabilities), text(n.Description)})
	}
	p.table([]string{"node", "kind", "version", "capabilities", "what it does"}, nodes)
	p.line("## Messages")
	messages := [][]string{}
	for _, flow := range catalogue.Flows(f) {
		m := flow.Message
		messages = append(messages, []string{messageLink(m), catalogue.Class(m), parties(flow.Producers), parties(flow.Consumers), text(m.Description)})
	}
	p.table([]string{"message", "class", "sent by", "consumed by", "what it says"}, messages)
	return p.bytes()
}

// messageLink leads to where the owner's page describes a message.
func messageLink(m *contract.Message) string {
	return "[" + m.Ref.String() + "](" + m.Ref.Node + ".md#" + m.Ref.Local() + ")"
}

// parties links the nodes at an end of a message.
func parties(names []string) string {
	links := make([]string, len(names))
	for i, n := range names {
		links[i] = "[" + n + "](" + n + ".md)"
		if n == catalogue.Outside {
			links[i] = "outside"
		}
	}
	return strings.Join(links, ", ")
}

func nodePage(f *contract.Fleet, c *contract.Contract) []byte {
	p := &page{}
	p.line("# " + c.Node)
	p.line(text(c.Description))
	p.line("A node of kind **" + string(c.Kind) + "**, version " + c.Version + ". [All nodes](README.md)")
	if len(c.Capabilities) > 0 {
		p.line("Capabilities: " + codes(c.Capabilities))
	}
	parts := drawing.Node(f, c).Parts
	p.line("## Its place in the graph")
	p.mermaid(drawing.Picture{Parts: parts[:1]})
	for _, part := range parts[1:] {
		p.line("## " + part.Title)
		p.mermaid(drawing.Picture{Parts: []drawing.Part{part}})
	}
	p.routes(c)
	p.messages(f, c)
	p.types(c)
	p.values(c)
	p.names(c)
	return p.bytes()
}

func (p *page) routes(c *contract.Contract) {
	rows := [][]string{}
	for _, r := range catalogue.Routes(c) {
		terms := r.When
		for _, t := range [][2]string{{"idempotency key", r.IdempotencyKey}, {"timeout", r.Timeout}, {"retry", r.Retry}, {"batch", r.Batch}, {"breaker", r.Breaker}, {"also takes", strings.Join(r.Older, ", ")}} {
			if t[1] != "" {
				terms = strings.TrimPrefix(terms+"; "+t[0]+" "+t[1], "; ")
			}
		}
		rows = append(rows, []string{code(r.Input), codes(r.Handler), codes(r.Emits), text(terms)})
	}
	p.line("## What it does with its inputs")
	p.table([]string{"input", "method", "may emit", "terms"}, rows)
}

// messages describes the messages the node owns.
func (p *page) messages(f *contract.Fleet, c *contract.Contract) {
	if len(c.Messages) == 0 {
		return
	}
	p.line("## Its messages")
	for _, flow := range catalogue.Flows(f) {
		m := flow.Message
		if m.Ref.Node != c.Node {
			continue
		}
		p.line(`<a id="` + m.Ref.Local() + `"></a>`)
		p.line("### " + m.Ref.Local())
		p.line(text(m.Description))
		p.table([]string{"", ""}, given([][]string{
			{"class", catalogue.Class(m)},
			{"sent by", parties(flow.Producers)},
			{"consumed by", parties(flow.Consumers)},
			{"topic", code(m.Topic().String())},
			{"key", code(m.Key)},
			{"partitions", strconv.Itoa(m.Partitions)},
			{"retention", catalogue.Duration(m.Retention)},
			{"access", codes(m.Access)},
			{"replaced by", replacement(m)},
			{"payload", typeLink(m.Data)},
		}))
		p.fence("json", pretty(m.Data.Example()))
	}
}

// replacement leads to the version that takes a message's records over.
func replacement(m *contract.Message) string {
	if m.ReplacedBy == nil {
		return ""
	}
	return messageLink(m.ReplacedBy)
}

// given drops the rows without a value.
func given(rows [][]string) [][]string {
	kept := [][]string{}
	for _, r := range rows {
		if r[1] != "" {
			kept = append(kept, r)
		}
	}
	return kept
}

func typeLink(t *contract.Type) string { return "[" + t.Name + "](#type-" + t.Name + ")" }

func (p *page) types(c *contract.Contract) {
	if len(c.Types) == 0 {
		return
	}
	p.line("## Its types")
	for _, t := range c.Types {
		p.line(`<a id="type-` + t.Name + `"></a>`)
		p.line("### " + t.Name)
		p.line(text(t.Schema.Description))
		rows := [][]string{}
		for _, property := range t.Schema.Properties {
			s := property.Schema
			required := ""
			if property.Required {
				required = "yes"
			}
			rows = append(rows, []string{code(property.Name), typeText(s), required, constraints(s), text(s.Description)})
		}
		p.table([]string{"property", "type", "required", "constraints", "what it is"}, rows)
	}
}

func typeText(s *contract.Schema) string {
	switch {
	case s.Ref != nil:
		return typeLink(s.Ref)
	case s.Items != nil:
		return "list of " + typeText(s.Items)
	case s.Format != "":
		return s.Type + ", " + s.Format
	}
	return s.Type
}

// constraints lists what a schema demands beyond its type.
func constraints(s *contract.Schema) string {
	var list []string
	add := func(word, value string) {
		if value != "" {
			list = append(list, word+" "+value)
		}
	}
	add("one of", codes(s.Enum))
	add("pattern", code(s.Pattern))
	add("at least", cmp.Or(deref(s.Minimum), items(s.MinItems, "items"), items(s.MinLength, "characters")))
	add("at most", cmp.Or(deref(s.Maximum), items(s.MaxItems, "items"), items(s.MaxLength, "characters")))
	return strings.Join(list, ", ")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func items(n *int, what string) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n) + " " + what
}

// values lists what the node is configured with.
func (p *page) values(c *contract.Contract) {
	rows := [][]string{}
	for _, s := range c.Settings {
		given := "required"
		if s.Default != nil {
			given = "default " + code(*s.Default)
		}
		rows = append(rows, []string{code(contract.Env(c.Node, s.Key)), typeText(s.Schema), given, constraints(s.Schema), text(s.Description)})
	}
	for _, s := range c.Secrets {
		for _, key := range s.Keys() {
			rows = append(rows, []string{code(contract.Env(c.Node, key)), "secret", "required", "", text(s.Description)})
		}
	}
	for _, flag := range c.Flags {
		rows = append(rows, []string{code(contract.FlagEnv(c.Node, flag.Key)), "flag", "default " + code(strconv.FormatBool(flag.Default)), "", text(flag.Description)})
	}
	if len(rows) > 0 {
		p.line("## Settings, secrets and flags")
		p.table([]string{"variable", "type", "given", "constraints", "what it is"}, rows)
	}
}

func (p *page) names(c *contract.Contract) {
	d := contract.Derive(c)
	requires := make([]string, len(c.Requires))
	for i, r := range c.Requires {
		requires[i] = r.Name + " " + r.Type
	}
	p.line("## Names")
	p.table([]string{"", ""}, given([][]string{
		{"requires", codes(requires)},
		{"consumer group", code(d.Group)},
		{"Go package", code(d.Package)},
		{"database schema", code(d.Database.Schema)},
		{"Vault path", code(d.Vault.Mount + "/" + d.Vault.Path)},
		{"contract", code("sha256:" + c.SHA256)},
	}))
}

package explorer

import (
	"encoding/json"
	"strings"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
)

// data is what the page's script knows, by name of node and of message.
type data struct {
	Nodes    []node             `json:"nodes"`
	Messages map[string]message `json:"messages"`
}

type node struct {
	catalogue.Node
	Inside  string            `json:"inside,omitempty"` // what its own view shows
	Routes  []catalogue.Route `json:"routes"`
	Sends   []string          `json:"sends"`
	Facts   []fact            `json:"facts"`
	Values  []fact            `json:"values"` // settings, secrets, flags
	Imports []fact            `json:"requires"`
}

// fact is a line of a table.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Note  string `json:"note,omitempty"`
}

type message struct {
	catalogue.Topic
	Description string          `json:"description,omitempty"`
	Example     json.RawMessage `json:"example"`
}

func facts(f *contract.Fleet) data {
	d := data{Messages: map[string]message{}}
	for i, n := range catalogue.Nodes(f) {
		d.Nodes = append(d.Nodes, about(n, f.Contracts[i]))
	}
	for _, t := range catalogue.Topics(f) {
		if t.Message != "" && t.Class != catalogue.DeadLetter {
			d.Messages[t.Message] = message{Topic: t}
		}
	}
	for _, flow := range catalogue.Flows(f) {
		m := d.Messages[flow.Message.Ref.String()]
		m.Description, m.Example = flow.Message.Description, flow.Message.Data.Example()
		d.Messages[m.Message] = m
	}
	return d
}

func about(n catalogue.Node, c *contract.Contract) node {
	out := node{Node: n, Routes: catalogue.Routes(c), Sends: []string{}, Facts: names(c), Values: values(c), Imports: []fact{}}
	switch {
	case c.Machine != nil:
		out.Inside = "state machine"
	case c.Workflow != nil:
		out.Inside = "workflow"
	}
	for _, m := range c.Outputs() {
		out.Sends = append(out.Sends, m.Ref.String())
	}
	for _, r := range c.Requires {
		out.Imports = append(out.Imports, fact{Name: r.Name, Value: r.Type})
	}
	return out
}

func names(c *contract.Contract) []fact {
	d := contract.Derive(c)
	list := []fact{
		{Name: "consumer group", Value: d.Group},
		{Name: "Go package", Value: d.Package},
		{Name: "database", Value: d.Database.Schema},
		{Name: "Vault", Value: d.Vault.Mount + "/" + d.Vault.Path},
	}
	if c.State != nil {
		list = append(list, fact{Name: "state", Value: c.State.Data.Name + " by " + c.State.Key})
	}
	if c.Resources != nil {
		list = append(list, fact{Name: "resources", Value: c.Resources.CPU + " CPU, " + c.Resources.Memory})
	}
	return append(list, fact{Name: "contract", Value: "sha256:" + c.SHA256[:12]})
}

func values(c *contract.Contract) []fact {
	list := []fact{}
	for _, s := range c.Settings {
		value := s.Schema.Type + ", required"
		if s.Default != nil {
			value = s.Schema.Type + ", default " + *s.Default
		}
		list = append(list, fact{Name: contract.Env(c.Node, s.Key), Value: value, Note: s.Description})
	}
	for _, s := range c.Secrets {
		for _, key := range s.Keys() {
			list = append(list, fact{Name: contract.Env(c.Node, key), Value: "secret", Note: s.Description})
		}
	}
	for _, f := range c.Flags {
		state := "off"
		if f.Default {
			state = "on"
		}
		list = append(list, fact{Name: contract.FlagEnv(c.Node, f.Key), Value: strings.Join([]string{"flag, default", state}, " "), Note: f.Description})
	}
	return list
}

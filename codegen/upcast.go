package codegen

import (
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// older is a version that an input replaced; Upcast is a Go expression.
type older struct{ Ref, Upcast string }

// upcast is a function of types.gen.go that makes one payload of an earlier one.
type upcast struct {
	Name, Doc, From, To string
	Fields              []string // elements of the new struct's literal
}

// older lists the versions an input replaced, each with a function that makes its records the input's.
func (m *modeler) older(msg *contract.Message) []older {
	var list []older
	var calls []string // from a version to the input, the last step first
	to := m.types.root(msg.Data)
	for newer := msg; newer.Upcast != nil; newer = newer.Upcast.From {
		old := newer.Upcast.From
		from := m.types.root(old.Data)
		calls = append(calls, m.upcast(newer))
		f := calls[0]
		if len(calls) > 1 {
			f = fmt.Sprintf("func(old %s) %s { return %s(old%s }", from, to, strings.Join(calls, "("), strings.Repeat(")", len(calls)))
		}
		list = append(list, older{Ref: m.ref(old), Upcast: "payload.Upcast(decode" + from + ", " + f + ")"})
		m.n.Examples = append(m.n.Examples, m.example(old))
	}
	return list
}

// upcast models the function that makes a newer payload of the one before, and returns its name.
func (m *modeler) upcast(newer *contract.Message) string {
	old := newer.Upcast.From
	u := upcast{Name: "upcast" + m.name(old), From: m.types.use(old.Data), To: m.types.use(newer.Data)}
	u.Doc = sentence(u.Name+" makes the payload of "+newer.Ref.Local()+" of one of "+old.Ref.Local(), "")
	for _, c := range newer.Upcast.Carry {
		u.Fields = append(u.Fields, contract.GoName(c.New)+": "+carried(old, newer, c))
	}
	for _, c := range newer.Upcast.Set {
		u.Fields = append(u.Fields, contract.GoName(c.New)+": "+m.constant(property(newer.Data, c.New), c.Value))
	}
	m.n.Upcasts = append(m.n.Upcasts, u)
	return u.Name
}

// carried returns the value of a property of the old payload as the new one takes it: optional
// properties are pointers, but lists are not.
func carried(old, newer *contract.Message, c contract.Carried) string {
	from, to := property(old.Data, c.Old), property(newer.Data, c.New)
	v := "old." + contract.GoName(c.Old)
	if from.Required && !to.Required && to.Schema.Type != "array" {
		return "new(" + v + ")"
	}
	return v
}

// constant returns a canonical value as Go source.
func (m *modeler) constant(p *contract.Property, value string) string {
	v := value
	switch p.Schema.Type {
	case "string":
		v = quote(value)
	case "integer", "number":
		n, err := numberLiteral(value, p.Schema.Type)
		if err != nil {
			m.errs = append(m.errs, err)
		}
		v = n
	}
	if p.Required {
		return v
	}
	if p.Schema.Type == "integer" || p.Schema.Type == "number" {
		v = m.types.goType(p.Schema) + "(" + v + ")"
	}
	return "new(" + v + ")"
}

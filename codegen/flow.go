package codegen

import (
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// flow is the workflow of an orchestrator.
type flow struct {
	Start, Completed, Failed string // refs
	StartType                string
	Answers                  []answer
	Steps                    []step
	Builders                 []builder // all of the below, in the order of the steps
	Sends, Undos, Ends       []builder
	Outputs                  []output // what the workflow may send
}

type answer struct{ Field, Type, Tag string }

type step struct{ Name, After, Send, Success, Failure, Undo, Timeout, Delay, Replaces string }

// builder is a Handler method that builds a message of the workflow.
type builder struct {
	Step              string // Go literal; "" of Completed and Failed
	Method, Doc, Type string
	Key               string
	Scaffold          string // Go expression
}

// flow models an orchestrator: its steps, the instance type and the builders of its messages.
func (m *modeler) flow() {
	w := m.c.Workflow
	if w == nil {
		return
	}
	f := &flow{
		Start: m.ref(w.Start), Completed: m.ref(w.Completed), Failed: m.ref(w.Failed),
		StartType: m.types.root(w.Start.Data),
	}
	var answers, sends []*contract.Message
	for _, s := range w.Steps {
		answers = appendNew(appendNew(answers, s.Success...), s.Failure...)
		sends = appendNew(sends, s.Send, s.Undo)
		f.Steps = append(f.Steps, m.step(s))
		if s.Send != nil {
			b := m.builder(s.Name, contract.GoName(s.Name), s.Send, "builds the command of step "+s.Name)
			f.Sends, f.Builders = append(f.Sends, b), append(f.Builders, b)
		}
		if s.Undo != nil {
			b := m.builder(s.Name, "Undo"+contract.GoName(s.Name), s.Undo, "builds the command that compensates step "+s.Name)
			f.Undos, f.Builders = append(f.Undos, b), append(f.Builders, b)
		}
	}
	sends = appendNew(sends, w.Completed, w.Failed)
	f.Ends = []builder{
		m.builder("", "Completed", w.Completed, "builds the event of a workflow whose steps all succeeded"),
		m.builder("", "Failed", w.Failed, "builds the event of a workflow that failed, after every undo"),
	}
	f.Builders = append(f.Builders, f.Ends...)
	for _, a := range answers {
		f.Answers = append(f.Answers, answer{
			Field: m.name(a), Type: m.types.root(a.Data),
			Tag: fmt.Sprintf("`json:%q`", a.Ref.String()+",omitempty"),
		})
	}
	m.n.Flow = f
	for _, msg := range append([]*contract.Message{w.Start}, answers...) {
		in := m.input(msg, nil)
		in.emits, in.Emits = sends, "sends()"
		m.add(in)
	}
}

func (m *modeler) step(s *contract.Step) step {
	out := step{
		Name: quote(s.Name), After: quoteList(s.After), Success: m.refList(s.Success), Failure: m.refList(s.Failure),
		Timeout: duration(s.Timeout), Delay: duration(s.Delay), Replaces: quoteList(s.Replaces),
	}
	if s.Send != nil {
		out.Send = m.ref(s.Send)
	}
	if s.Undo != nil {
		out.Undo = m.ref(s.Undo)
	}
	return out
}

// quoteList returns a slice as Go source, or "" if it is empty.
func quoteList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, 0, len(list))
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

func (m *modeler) builder(step, method string, msg *contract.Message, doc string) builder {
	return builder{
		Step: quote(step), Method: method, Doc: sentence(method+" "+doc, msg.Ref.String()),
		Type: m.types.use(msg.Data), Key: m.key("data", msg),
		Scaffold: m.payloadLiteral(msg, "w.Start", m.c.Workflow.Start),
	}
}

package catalogue

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// Route says what a node does with one input: a row of its routing table.
type Route struct {
	Input          string   `json:"input"`           // node/name.vN
	Older          []string `json:"older,omitempty"` // versions it replaced, whose records are taken as its own
	Class          string   `json:"class"`           // command or event
	Handler        []string `json:"handler"`         // methods of Handler that may be called
	When           string   `json:"when,omitempty"`
	Emits          []string `json:"emits"` // what handling it may send
	Key            string   `json:"key"`   // property that orders the input
	IdempotencyKey string   `json:"idempotency_key,omitempty"`
	Timeout        string   `json:"timeout,omitempty"`
	Retry          string   `json:"retry,omitempty"`
	Batch          string   `json:"batch,omitempty"`
	Breaker        string   `json:"breaker,omitempty"`
	DeadLetter     string   `json:"dead_letter"`
}

// Routes returns the routing table of a node: its handles in the order of their inputs, its
// transitions or the answers of its workflow in the order of the contract.
func Routes(c *contract.Contract) []Route {
	list := []Route{}
	for _, h := range c.Handles {
		list = append(list, handled(c, h))
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			list = append(list, moved(c, t))
		}
	}
	if c.Workflow != nil {
		list = append(list, led(c, c.Workflow)...)
	}
	return list
}

func route(c *contract.Contract, m *contract.Message, emits ...*contract.Message) Route {
	return Route{
		Input: m.Ref.String(), Class: Class(m), Handler: []string{}, Emits: refs(emits), Key: m.Key,
		Older: older(m), DeadLetter: event.DeadLetterTopic(c.Node, m.Ref).String(),
	}
}

func older(m *contract.Message) []string {
	if len(m.Older()) == 0 {
		return nil
	}
	return refs(m.Older())
}

// refs names messages in their order, each once.
func refs(messages []*contract.Message) []string {
	names := []string{}
	for _, m := range messages {
		if m != nil && !slices.Contains(names, m.Ref.String()) {
			names = append(names, m.Ref.String())
		}
	}
	return names
}

func handled(c *contract.Contract, h *contract.Handle) Route {
	r := route(c, h.Input, h.Emits...)
	r.Handler = []string{contract.MethodName(c.Node, h.Input.Ref)}
	r.IdempotencyKey, r.Timeout, r.Retry = h.IdempotencyKey, Duration(h.Timeout), retries(h.Retry)
	if b := h.Batch; b != nil {
		r.Batch = "up to " + strconv.Itoa(b.Size)
		if b.Wait > 0 {
			r.Batch += ", waiting " + Duration(b.Wait)
		}
	}
	if b := h.Breaker; b != nil {
		r.Breaker = "opens for " + Duration(b.Open) + " after " + count(b.Failures, "failure")
	}
	return r
}

func retries(r *contract.Retry) string {
	if r == nil {
		return ""
	}
	text := count(r.Attempts, "attempt")
	if r.Attempts > 1 {
		text += ", " + Duration(r.First) + " to " + Duration(r.Max) + " apart"
	}
	return text + ", then " + strings.ReplaceAll(r.Then, "_", " ")
}

func moved(c *contract.Contract, t *contract.Transition) Route {
	r := route(c, t.Input, t.Emits...)
	r.Handler = []string{contract.MethodName(c.Node, t.Input.Ref)}
	r.When = strings.Join(t.From, ", ") + " > " + t.To
	if t.Guard != "" {
		r.Handler = slices.Insert(r.Handler, 0, contract.GuardMethod(c.Node, t))
		r.When += ", if " + t.Guard
	}
	if t.Early > 0 {
		r.When += ", early up to " + Duration(t.Early)
	}
	if t.Then != "" {
		r.Retry = "1 attempt, then " + strings.ReplaceAll(t.Then, "_", " ")
	}
	return r
}

// led returns what a workflow does with its start and with each answer. The methods are the
// builders of the messages that may follow.
func led(c *contract.Contract, w *contract.Workflow) []Route {
	start := following(w, "")
	list := []Route{start.route(c, w.Start, "starts the workflow")}
	for _, s := range w.Steps {
		next, undo := following(w, s.Name), compensation(w)
		for _, m := range s.Success {
			list = append(list, next.route(c, m, "step "+s.Name+" succeeds"))
		}
		for _, m := range s.Failure {
			list = append(list, undo.route(c, m, "step "+s.Name+" fails"))
		}
	}
	return list
}

// sending is what may be built and sent next.
type sending struct {
	methods  []string
	messages []*contract.Message
}

func (s *sending) add(method string, m *contract.Message) {
	s.methods, s.messages = append(s.methods, method), append(s.messages, m)
}

func (s *sending) route(c *contract.Contract, m *contract.Message, when string) Route {
	r := route(c, m, s.messages...)
	r.Handler, r.When = shown(s.methods), when
	return r
}

// following returns what may be sent once a step has succeeded, at once or after a delay; "" is the
// start.
func following(w *contract.Workflow, step string) *sending {
	s, last := &sending{}, true
	for _, next := range w.Steps {
		follows := slices.Contains(next.After, step) || step == "" && len(next.After) == 0
		if !follows {
			continue
		}
		last = false
		if next.Send != nil {
			s.add(contract.GoName(next.Name), next.Send)
		}
		if next.Delay > 0 {
			later := following(w, next.Name)
			s.methods, s.messages = append(s.methods, later.methods...), append(s.messages, later.messages...)
		}
	}
	if last {
		s.add("Completed", w.Completed)
	}
	return s
}

// compensation returns what may be sent once a workflow has failed.
func compensation(w *contract.Workflow) *sending {
	s := &sending{}
	for _, step := range w.Steps {
		if step.Undo != nil {
			s.add("Undo"+contract.GoName(step.Name), step.Undo)
		}
	}
	s.add("Failed", w.Failed)
	return s
}

// Duration writes d the way contracts do: 1h30m, 200ms; "" is none.
func Duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

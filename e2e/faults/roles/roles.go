// Package roles holds the nodes that fault runs are made with. They are written by hand as a
// generator would write them, and small enough that what they must have done can be computed.
package roles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Env holds a Role as JSON, ProcessEnv the number of the process, which its answers carry.
const (
	Env        = "FAULTS_ROLE"
	ProcessEnv = "FAULTS_PROCESS"
)

// Role describes a node: it answers each input with one event of its own, "out".
type Role struct {
	Name    string
	Kind    onex.Kind
	Inputs  []event.Topic
	Retry   engine.RetryPolicy
	Sink    string // effect: posts each input there before it answers
	DieAt   int64  // effect: the process ends itself after so many side effects; 0: never
	TakesMs int    // how long a handler takes
	Worker  string // orchestrator: the effect that does the steps of its workflow
	WaitMs  int    // orchestrator: how long it waits for the answer that may never come
	Next    bool   // orchestrator: the next version of its workflow, which has one more step
	Steps   bool   // effect: does the steps of an orchestrator
}

// Out is the topic of what a node answers.
func Out(node string) event.Topic {
	return event.Topic{Class: event.Event, Ref: event.Ref{Node: node, Name: "out", Version: 1}}
}

// Ask is the topic of a node's own command.
func Ask(node, name string) event.Topic {
	return event.Topic{Class: event.Command, Ref: event.Ref{Node: node, Name: name, Version: 1}}
}

// Number is the payload of every message.
type Number struct {
	N      int    `json:"n"`                // place in its key
	Fail   int    `json:"fail,omitempty"`   // attempts that fail
	Poison bool   `json:"poison,omitempty"` // fails for good
	Pad    string `json:"pad,omitempty"`    // weight

	// Of a reducer's answers.
	Count int    `json:"count,omitempty"`
	Hash  string `json:"hash,omitempty"`
	By    string `json:"by,omitempty"`   // process
	From  int64  `json:"from,omitempty"` // nanoseconds since 1970, of the handler's begin
	To    int64  `json:"to,omitempty"`   // and end

	Plan string `json:"plan,omitempty"` // of a workflow: how it ends
}

// Validate implements onex.Payload.
func (n Number) Validate() error {
	if n.N < 0 {
		return errors.New("n is negative")
	}
	return nil
}

// answer is what follows from a number: it fails nowhere any more.
func (n Number) answer() Number {
	n.Fail, n.Pad = 0, ""
	return n
}

// Decode reads a Number.
func Decode(data []byte) (Number, error) {
	var n Number
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	return n, n.Validate()
}

// Chain is the fold of a list of events: any loss, repetition or swap changes its hash.
type Chain struct {
	Count int    `json:"count"`
	Hash  string `json:"hash"`
}

// Next returns the chain with one more event.
func (c Chain) Next(n int, id string) Chain {
	sum := sha256.Sum256([]byte(c.Hash + "|" + strconv.Itoa(n) + "|" + id))
	return Chain{Count: c.Count + 1, Hash: hex.EncodeToString(sum[:12])}
}

// State is what a reducer keeps of a key: a chain for each of its inputs.
type State map[string]Chain

// Validate implements onex.Payload.
func (State) Validate() error { return nil }

// DecodeState reads a State.
func DecodeState(data []byte) (State, error) {
	s := State{}
	return s, json.Unmarshal(data, &s)
}

// FromEnv returns the node that the environment describes.
func FromEnv() (onex.Node, error) {
	var r Role
	if err := json.Unmarshal([]byte(os.Getenv(Env)), &r); err != nil {
		return onex.Node{}, fmt.Errorf("read %s: %w", Env, err)
	}
	failpoint.Start()
	return r.Node(), nil
}

// Node builds the node.
func (r Role) Node() onex.Node {
	switch {
	case r.Kind == onex.Orchestrator:
		return r.flow()
	case r.Steps:
		return r.worker()
	}
	out := Out(r.Name)
	n := onex.Node{
		Name: r.Name, Version: "1.0.0", Kind: r.Kind,
		Outputs: []onex.Output{{Type: out.Ref, Class: out.Class}},
	}
	if r.Kind == onex.Reducer {
		n.Machine = &engine.Machine{Initial: "open"}
	}
	for _, in := range r.Inputs {
		n.Inputs = append(n.Inputs, engine.Input{
			Type: in.Ref, Class: in.Class, Emits: []event.Ref{out.Ref}, Retry: r.Retry,
		})
		if n.Machine != nil {
			n.Machine.Transitions = append(n.Machine.Transitions, engine.Transition{
				Input: in.Ref, From: []string{"open"}, To: "open", Emits: []event.Ref{out.Ref}, HaltKey: r.Retry.HaltKey,
			})
		}
	}
	n.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		routes := onex.Routes{}
		for _, in := range r.Inputs {
			routes[in.Ref] = r.handler(out)
		}
		return onex.Wiring{Routes: routes}, nil
	}
	return n
}

func (r Role) handler(out event.Topic) engine.Handler {
	if r.Kind == onex.Reducer {
		return onex.Reduce(Decode, DecodeState, func(_ context.Context, in onex.Input[Number], s State, o *onex.Emissions) (State, error) {
			begun := time.Now()
			if err := r.refuse(in); err != nil {
				return nil, err
			}
			if s == nil {
				s = State{}
			}
			name := in.Event.Type.Name
			s[name] = s[name].Next(in.Data.N, in.Event.ID)
			answer := in.Data.answer()
			answer.Count, answer.Hash = s[name].Count, s[name].Hash
			answer.By, answer.From, answer.To = os.Getenv(ProcessEnv), begun.UnixNano(), time.Now().UnixNano()
			o.Add(out.Class, out.Ref, in.Event.PartitionKey, answer)
			return s, nil
		})
	}
	var effects atomic.Int64
	return onex.Handle(Decode, func(ctx context.Context, in onex.Input[Number], o *onex.Emissions) error {
		if err := r.refuse(in); err != nil {
			return err
		}
		if r.Sink != "" {
			if err := r.post(ctx, in.IdempotencyKey, in.Event.PartitionKey+"/"+strconv.Itoa(in.Data.N)); err != nil {
				return err
			}
			if effects.Add(1) == r.DieAt {
				failpoint.Die("effect")
			}
		}
		o.Add(out.Class, out.Ref, in.Event.PartitionKey, in.Data.answer())
		return nil
	})
}

// refuse fails as the input asks for.
func (r Role) refuse(in onex.Input[Number]) error {
	if r.TakesMs > 0 {
		time.Sleep(time.Duration(r.TakesMs) * time.Millisecond)
	}
	switch {
	case in.Data.Poison:
		return engine.Permanent(errors.New("poison"))
	case in.Attempt <= in.Data.Fail:
		failpoint.Note("abort handler")
		return errors.New("told to fail")
	}
	return nil
}

// post is the side effect.
func (r Role) post(ctx context.Context, key, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Sink, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sink answered %d", resp.StatusCode)
	}
	return nil
}

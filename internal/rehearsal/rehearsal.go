// Package rehearsal runs a version of a pure node on recorded history and compares what comes of it with
// what was recorded. Two processes take part: the program of the node, in a sandbox, is given one cue after
// the other and says what it would have done; the command reads the cues from the log and judges.
//
// Nothing is written but to the pipe between the two. States are kept in memory, by the program.
package rehearsal

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Hello is the first thing that a program says.
type Hello struct {
	Node    string `json:"node"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// Cue is a record that was handled, in the order in which it was.
type Cue struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Key       []byte   `json:"key"`
	Headers   []Header `json:"headers"`
	Value     []byte   `json:"value"`
	Compared  bool     `json:"compared"` // it is not only there for the states that it leads to
}

// Header is one header of a record.
type Header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// Played is what a program would have done with a record.
type Played struct {
	Topic     string        `json:"topic"`
	Partition int32         `json:"partition"`
	Offset    int64         `json:"offset"`
	Compared  bool          `json:"compared"`
	EventID   string        `json:"event_id"`
	Key       string        `json:"key"`
	Result    engine.Result `json:"result"`
	Class     engine.Class  `json:"class,omitempty"`
	Error     string        `json:"error,omitempty"`
	State     *State        `json:"state,omitempty"`
	Sent      []Sent        `json:"sent,omitempty"`
}

// State is a state that a program would have stored.
type State struct {
	Key     string `json:"key"`
	Version int64  `json:"version"`
	Machine string `json:"machine"`
	Data    []byte `json:"data"`
}

// Sent is a message that a program would have sent.
type Sent struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Topic string `json:"topic"`
	Key   string `json:"key"`
	Data  []byte `json:"data"`
}

// CueOf returns the cue of a record.
func CueOf(r engine.Record, compared bool) Cue {
	c := Cue{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: []byte(r.Key), Value: r.Value, Compared: compared}
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, Header{h.Key, h.Value})
	}
	return c
}

func (c Cue) record() engine.Record {
	r := engine.Record{Topic: c.Topic, Partition: c.Partition, Offset: c.Offset, Key: string(c.Key), Value: c.Value}
	for _, h := range c.Headers {
		r.Headers = append(r.Headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return r
}

// handlerTimeout bounds one call of a handler.
const handlerTimeout = 30 * time.Second

// Serve is the program's side: it plays every cue of in and writes what comes of it to out, until in ends.
func Serve(ctx context.Context, hello Hello, core *engine.Core, handlers map[event.Ref]engine.Handler, in io.Reader, out io.Writer) error {
	s := &stage{core: core, handlers: handlers, states: map[string]engine.Stored{}}
	w, r := bufio.NewWriterSize(out, 64<<10), bufio.NewReaderSize(in, 64<<10)
	encode := json.NewEncoder(w)
	if err := encode.Encode(hello); err != nil {
		return fmt.Errorf("write to the rehearsal: %w", err)
	}
	for ctx.Err() == nil {
		if r.Buffered() == 0 { // whoever waits for an answer gets it
			if err := w.Flush(); err != nil {
				return fmt.Errorf("write to the rehearsal: %w", err)
			}
		}
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return w.Flush()
		}
		var c Cue
		if err := cmp.Or(err, json.Unmarshal(line, &c)); err != nil {
			return fmt.Errorf("read a cue: %w", err)
		}
		if err := encode.Encode(s.play(ctx, c)); err != nil {
			return fmt.Errorf("write to the rehearsal: %w", err)
		}
	}
	return ctx.Err()
}

// stage is where a program plays.
type stage struct {
	core     *engine.Core
	handlers map[event.Ref]engine.Handler
	states   map[string]engine.Stored
}

func (s *stage) play(ctx context.Context, cue Cue) Played {
	it := s.core.Open(cue.record())
	it.Attempt = max(it.Input.Retry.Attempts, 1) // there is no next one
	v, now := engine.View{State: s.states[it.StateKey]}, time.Now()
	d := s.core.Admit(it, v, now)
	var out engine.Outcome
	if d.Verdict == engine.Handle {
		out = s.call(ctx, it, d.Call)
	}
	c := s.core.Settle(it, v, d, out, now)
	p := Played{
		Topic: cue.Topic, Partition: cue.Partition, Offset: cue.Offset, Compared: cue.Compared,
		EventID: it.Event.ID, Key: string(cue.Key), Result: c.Result, Class: c.Class,
	}
	if c.Err != nil {
		p.Error = engine.ErrorText(c.Err)
	}
	if c.Result != engine.Handled {
		return p
	}
	if w := c.State; w != nil {
		next := engine.Stored{Version: w.Expect + 1, Machine: w.Machine, Data: w.Data}
		s.states[w.Key] = next
		p.State = &State{Key: w.Key, Version: next.Version, Machine: next.Machine, Data: next.Data}
	}
	for _, o := range c.Outbox {
		p.Sent = append(p.Sent, sentOf(o))
	}
	return p
}

func sentOf(o engine.Outgoing) Sent {
	s := Sent{Topic: o.Topic, Key: o.Key, Data: o.Value}
	for _, h := range o.Headers {
		switch h.Key {
		case "ce_id":
			s.ID = string(h.Value)
		case "ce_type":
			s.Type = string(h.Value)
		}
	}
	return s
}

func (s *stage) call(ctx context.Context, it engine.Item, c engine.Call) (out engine.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, handlerTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			out = engine.Outcome{Err: engine.Permanent(fmt.Errorf("handler panicked: %v", r))}
		}
	}()
	if s.handlers[it.Input.Type] == nil {
		return engine.Outcome{Err: engine.Permanent(fmt.Errorf("input %s has no handler", it.Input.Type))}
	}
	return s.handlers[it.Input.Type](ctx, c)
}

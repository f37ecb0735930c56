// Package onex is the runtime of a node: a generated main hands it the node's description and
// onex.Main runs it. It starts config → secrets → database → registration → health → consume, and stops in
// the reverse order on SIGTERM.
//
// It is the only place where adapters (Kafka, Postgres, Consul, Vault) are wired, because generated
// code in a user's module cannot import this module's internal packages.
package onex

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// Kind says what a node may do and which delivery guarantee it gets.
type Kind string

// The four kinds of nodes.
const (
	Compute      Kind = "compute"      // pure; exactly once through Kafka transactions
	Effect       Kind = "effect"       // touches the world; inbox, outbox and offset in one Postgres transaction
	Reducer      Kind = "reducer"      // keyed state with a declared machine
	Orchestrator Kind = "orchestrator" // multi-step workflows
)

// Node describes a node to the runtime. Generated code builds it from the contract; all fields but
// Build are data.
type Node struct {
	Name           string
	Version        string // semantic version
	Kind           Kind
	Description    string
	Capabilities   []string
	ContractSHA256 string
	Inputs         []engine.Input
	Outputs        []Output         // everything the node may send
	Topics         []Topic          // what its own messages declare about their topics
	Settings       []config.Setting // config and secrets
	Flags          []config.FlagSetting
	Machine        *engine.Machine // reducer
	Workflow       *Workflow       // orchestrator
	Schedules      []schedule.Schedule
	OwnSchema      int64 // version of the tables the node has besides the runtime's; 0: it has none

	// Build wires the handlers once the settings are resolved.
	Build func(ctx context.Context, values *config.Values) (Wiring, error)
}

// Wiring is what Build puts together.
type Wiring struct {
	Routes Routes
	Checks []Check // of what the handlers need from outside
}

// Output is a message type a node may send. Owned ones are its events, the others commands of other
// nodes.
type Output struct {
	Type  event.Ref
	Class event.Class
}

// Topic says how the topic of one of the node's own messages is created.
type Topic struct {
	Type       event.Ref
	Class      event.Class   // only of a message that the node neither handles nor sends any more
	Partitions int32         // 0: 3
	Retention  time.Duration // how long records are kept; 0: the cluster's default
}

// Routes maps each input of a node to its handler. The runtime refuses to start when an input has
// no route or a route has no input.
type Routes map[event.Ref]engine.Handler

// Input is what a handler is given: the decoded and validated payload with its envelope.
type Input[T any] struct {
	Data           T
	Event          event.Envelope
	IdempotencyKey string // pass it to external calls; stable over retries and redelivery
	Attempt        int    // 1 for the first
	From, To       string // states of the machine (reducers only)

	place int // in its batch
}

// Payload is implemented by every generated type.
type Payload interface {
	Validate() error // reports the first violation with its JSON path
}

// Emissions collects what a handler emits; generated emitters wrap it so that only declared events
// can be added. It is not safe for concurrent use.
type Emissions struct {
	list  []engine.Emission
	joins []engine.Join
	err   error
}

// Add appends an emission after validating its payload. An invalid payload fails the handler's call
// for good, whatever the handler returns.
func (e *Emissions) Add(class event.Class, t event.Ref, key string, data Payload) {
	if err := data.Validate(); err != nil {
		e.fail(&InvalidOutputError{Type: t, Err: err})
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		e.fail(&InvalidOutputError{Type: t, Err: err})
		return
	}
	e.list = append(e.list, engine.Emission{Class: class, Type: t, Key: key, Data: raw, Encoded: true})
}

// Tx is the transaction that commits an input, as functions given to Commit see it.
type Tx = pgx.Tx

// Commit runs f in the transaction that commits the input, for tables of the node's own: what it writes
// there is stored if and only if the input counts as handled. f runs after the handler and may run again,
// in a transaction of which nothing was kept before; its error is one of the handler. It may take 4
// seconds, and cannot end the transaction itself. A compute node has no database: its call fails for good.
func (e *Emissions) Commit(f func(ctx context.Context, tx Tx) error) {
	e.joins = append(e.joins, func(ctx context.Context, tx engine.Tx) error {
		own, ok := tx.(Tx)
		if !ok {
			return engine.Permanent(fmt.Errorf("the store has a %T and no Postgres transaction", tx))
		}
		return f(ctx, own)
	})
}

func (e *Emissions) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// Handle adapts a typed handler of a compute or effect node. decode is the generated decoder of T:
// it ignores unknown fields and validates.
func Handle[T any](decode func([]byte) (T, error), f func(context.Context, Input[T], *Emissions) error) engine.Handler {
	return func(ctx context.Context, c engine.Call) engine.Outcome {
		in, err := input(decode, c)
		if err != nil {
			return engine.Outcome{Err: err}
		}
		var out Emissions
		err = f(ctx, in, &out)
		return outcome(&out, nil, err)
	}
}

// Reduce adapts a typed handler of a reducer: it gets the state of the input's key (the zero value
// for a new key) and returns the next one. The guards decide which transition the input takes; an
// input that takes none is refused with a *GuardError.
func Reduce[T any, S Payload](decode func([]byte) (T, error), decodeState func([]byte) (S, error),
	f func(context.Context, Input[T], S, *Emissions) (S, error), guards ...Guard[T, S],
) engine.Handler {
	return func(ctx context.Context, c engine.Call) engine.Outcome {
		in, err := input(decode, c)
		if err != nil {
			return engine.Outcome{Err: err}
		}
		var state S
		if c.State != nil {
			if state, err = decodeState(c.State); err != nil {
				return engine.Outcome{Err: &InvalidStateError{Key: c.Event.PartitionKey, Err: err}}
			}
		}
		taken, err := choose(c, in, state, guards)
		if err != nil {
			return engine.Outcome{Err: err}
		}
		in.To = taken.To
		var out Emissions
		next, err := f(ctx, in, state, &out)
		o := outcome(&out, next, err)
		o.Choice = taken.ID
		return o
	}
}

func input[T any](decode func([]byte) (T, error), c engine.Call) (Input[T], error) {
	data, err := decode(c.Event.Data)
	if err != nil {
		return Input[T]{}, &InvalidInputError{Type: c.Event.Type, Err: err}
	}
	return Input[T]{
		Data: data, Event: c.Event, IdempotencyKey: c.IdempotencyKey,
		Attempt: c.Attempt, From: c.From, To: c.To,
	}, nil
}

func outcome(out *Emissions, state Payload, err error) engine.Outcome {
	if err == nil {
		err = out.err
	}
	if err != nil {
		return engine.Outcome{Err: err}
	}
	o := engine.Outcome{Emissions: out.list, Joins: out.joins}
	if state == nil {
		return o
	}
	if err := state.Validate(); err != nil {
		return engine.Outcome{Err: &InvalidStateError{Err: err}}
	}
	if o.State, err = json.Marshal(state); err != nil {
		return engine.Outcome{Err: &InvalidStateError{Err: err}}
	}
	return o
}

package onex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// verify proves that the states of reducers are the fold of their inputs: it reads the inputs that the
// inbox remembers from the log, folds them with the handlers in memory, and compares byte for byte. It
// writes nothing and may run beside the node. The error is an *Error if something differs.
func verify(ctx context.Context, cfg Config, out io.Writer, nodes []Node) error {
	reducers := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return n.Kind != Reducer })
	if len(reducers) == 0 {
		return &Error{Code: CodeNode, Err: errors.New("there is nothing to verify: only reducers keep states that their inputs lead to")}
	}
	vars, err := readVariables(cfg)
	if err != nil {
		return err
	}
	env, err := readEnvironment(vars.lookup)
	if err != nil {
		return &Error{Code: CodeEnvironment, Err: err}
	}
	p := &process{
		env: env, variables: vars, log: newLogger(cfg.Output, env), dial: dialer(env.Hosts),
		ready: newReadiness(reducers), metrics: newMetrics(),
	}
	if p.kafka, err = kafka.Open(kafka.Config{Brokers: env.Brokers, ClientID: "onex-verify", Log: p.log, Dial: p.dial}); err != nil {
		return &Error{Code: CodeEnvironment, Err: err}
	}
	defer p.kafka.Close()
	members, closeSecrets, err := p.assemble(ctx, reducers)
	defer closeSecrets()
	if err != nil {
		return err
	}
	var wrong []error
	for _, m := range members {
		c, err := m.verify(ctx)
		if err != nil {
			return fmt.Errorf("node %s: %w", m.node.Name, err)
		}
		wrong = append(wrong, reportComparison(out, m.node.Name, c))
	}
	if err := errors.Join(wrong...); err != nil {
		return &Error{Code: CodeState, Err: err, Remedy: "compare the key with its last snapshot; a handler that reads a clock or a flag is no fold: docs/state.md"}
	}
	return nil
}

// verify compares the states of a reducer with the fold of its inputs.
func (m *member) verify(ctx context.Context) (engine.Comparison, error) {
	var err error
	m.store, err = postgres.Open(ctx, postgres.Config{
		URL: m.database.Reveal(), Group: event.Group(m.node.Name), Instance: m.env.Instance + "-verify", Dial: m.dial, MaxConns: 1,
	})
	if err != nil {
		return engine.Comparison{}, &Error{Code: CodeDatabase, Err: err}
	}
	defer m.store.Close()
	if err := m.fatalDatabase(m.store.CheckSchema(ctx)); err != nil {
		return engine.Comparison{}, err
	}
	states, steps, err := m.store.History(ctx)
	if err != nil {
		return engine.Comparison{}, err
	}
	fold := engine.NewFold(m.core, m.routes, states, steps)
	if err := m.kafka.Read(ctx, fold.Ranges(), func(r engine.Record) { fold.Add(ctx, r) }); err != nil {
		return engine.Comparison{}, err
	}
	return fold.Compare(), nil
}

// reportComparison prints what was found out; the error says what is wrong.
func reportComparison(out io.Writer, node string, c engine.Comparison) error {
	fmt.Fprintf(out, "%s: %d keys are equal, %d differ, %d cannot be verified\n", node, c.Equal, len(c.Different), len(c.Unverified))
	for _, list := range []struct {
		title    string
		findings []engine.Finding
	}{{"differs", c.Different}, {"cannot be verified", c.Unverified}} {
		for i, f := range list.findings {
			if i == maxFindings {
				fmt.Fprintf(out, "  … and %d more\n", len(list.findings)-i)
				break
			}
			fmt.Fprintf(out, "  key %q %s: %s\n", f.Key, list.title, f.Reason)
		}
	}
	switch {
	case len(c.Different) > 0:
		return fmt.Errorf("node %s: the state of key %q is not what its inputs lead to", node, c.Different[0].Key)
	case c.Equal == 0 && len(c.Unverified) > 0:
		return fmt.Errorf("node %s: no key could be verified, the first for this: %s", node, c.Unverified[0].Reason)
	}
	return nil
}

const maxFindings = 20

package onextest

import (
	"bytes"
	"fmt"

	"github.com/omninode-ai/omninode/onex/engine"
)

// batchScenario gives several inputs to the handler at once: each must have the outcome it has alone.
func (c Case) batchScenario(in engine.Input, s *schema) scenario {
	return scenario{in.Type.String() + "/batch", func() error {
		b, err := c.bench()
		if err != nil {
			return err
		}
		calls, err := b.batch(in, []any{nil, s.least(), s.most(maxBytes), s.usual()})
		if err != nil {
			return err
		}
		whole := calls[0]
		whole.Rest = calls[1:]
		out, err := b.call(in.Type, whole)
		if err != nil {
			return err
		}
		if len(out.Rest) != len(whole.Rest) {
			return fmt.Errorf("a batch of %d inputs has %d outcomes", len(calls), len(out.Rest)+1)
		}
		for i, got := range append([]engine.Outcome{out}, out.Rest...) {
			alone, err := b.call(in.Type, calls[i])
			if err != nil {
				return err
			}
			got.Rest = nil
			if want, got := fingerprint(alone), fingerprint(got); !bytes.Equal(want, got) {
				return fmt.Errorf("input %d of a batch of %d has the outcome\n%s\nand alone\n%s", i+1, len(calls), got, want)
			}
		}
		return nil
	}}
}

// batch returns a call for each payload, nil being the example, as far as their idempotency keys
// differ.
func (b *bench) batch(in engine.Input, payloads []any) ([]engine.Call, error) {
	var calls []engine.Call
	seen := map[string]bool{}
	for _, p := range payloads {
		r, err := b.example(in.Type)
		if err == nil && p != nil {
			r, err = r.at(in, b.c.Keys[in.Type], p)
		}
		if err != nil {
			return nil, err
		}
		b.offset++ // the next example has an id of its own
		it := b.core.Open(r.raw(b.offset))
		if d := b.core.Admit(it, engine.View{}, b.now); d.Verdict == engine.Handle && !seen[it.IdempotencyKey] {
			calls = append(calls, d.Call)
		}
		seen[it.IdempotencyKey] = true
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("no example of %s is admitted", in.Type)
	}
	return calls, nil
}

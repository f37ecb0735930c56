package simulation

import (
	"context"
	"errors"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/onex/engine"
)

// send relays some of the outbox.
func (p *process) send() {
	if p.leader != p || p.relay == nil {
		p.leader = p
		r := delivery.NewRelay(nil, p.produce, p.mute)
		p.relay = delivery.NewRelaySteps(r, outbox{port{p}})
	}
	p.relaying = true
	p.begin(p, p.id+" relay", p.relay.Relay, func(err error) {
		p.relaying = false
		if err != nil {
			p.relay = nil // its term ends
		}
	})
}

var errRefused = errors.New("the broker refused it")

// produce sends records to the log. The reply may get lost.
func (p *process) produce(_ context.Context, records []engine.Outgoing) []error {
	errs := make([]error, len(records))
	all := func(err error) []error {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	if !p.reach("send") {
		return all(context.Canceled)
	}
	fault := p.d.fault(2)
	if fault == 1 {
		p.hit("broker refuses")
		p.note(func() string { return "the broker refuses" })
		return all(errRefused)
	}
	for _, r := range records {
		got := p.log.append(r, nil)
		p.note(func() string {
			return "to " + place{r.Topic, got.Partition}.String() + " as " + itoa(got.Offset) + ", key " + r.Key
		})
		p.outside.seen(r)
	}
	if fault == 2 {
		p.hit("reply of the broker is lost")
		p.note(func() string { return "the reply is lost" })
		return all(errLost)
	}
	return errs
}

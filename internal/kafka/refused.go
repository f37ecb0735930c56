package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// refusal is what is known about an input of which the cluster did not take something. It is sent
// alone from then on, until it is committed.
type refusal struct {
	err   error // why, once it was refused alone; nil: it may have been the fault of another
	times int   // how often it was refused alone
}

// refusals is how often an input is told that something was refused: of what it gave rise to, and of
// what stood in for that.
const refusals = 2

// suspect finds out what an aborted transaction failed from. What the cluster can never take is known
// by the second time, when each suspect is sent alone, and by the third its input is told. Anything
// else may pass: everything is held until it does.
func (t *transactor) suspect(ctx context.Context, failed map[place]error) {
	progress := false
	var held place
	for input, err := range failed {
		known, alone := t.refused[input]
		if alone && permanent(err) {
			known.err, known.times = err, known.times+1
		}
		if !permanent(err) || known.times > refusals {
			held = input
			continue
		}
		t.refused[input], progress = known, true
	}
	if progress {
		return
	}
	t.client.cfg.Log.ErrorContext(ctx, "transaction was aborted: a record was not accepted, its input waits",
		"topic", held.topic, "partition", held.partition, "offset", held.offset, "err", failed[held])
	t.member.observer().Waiting(fmt.Errorf("%s/%d at offset %d waits, because the cluster refuses what it gives rise to: %w",
		held.topic, held.partition, held.offset, failed[held]))
	timer := time.NewTimer(refusedPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// permanent reports whether the cluster will never take a record, whatever it is sent with.
func permanent(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) ||
		errors.Is(err, kerr.InvalidRecord) || errors.Is(err, kerr.InvalidTimestamp) || errors.Is(err, kerr.PolicyViolation)
}

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex/event"
)

// gaps returns the longest time in which a partition stood still while there was something to do: by the
// history of the fence, and for the compute, which has none, by what it made of a steady input.
func (d *deploy) gaps(ctx context.Context) (most time.Duration, where string, err error) {
	note := func(gap time.Duration, topic string, partition int32) {
		if gap > most {
			most, where = gap, fmt.Sprintf("%s/%d", topic, partition)
		}
	}
	for reader, t := range map[string]event.Topic{
		d.gate.Name: d.feed.to, d.fold.Name: roles.Out(d.double.Name), d.flows.flow.Name: roles.Ask(d.flows.flow.Name, "start"),
	} {
		history, err := d.h.moves(ctx, reader)
		if err != nil {
			return 0, "", err
		}
		records, err := d.bus.read(ctx, t.String(), true)
		if err != nil {
			return 0, "", err
		}
		for partition, gap := range standstills(t.String(), history, records, d.begun, d.ended) {
			note(gap, t.String(), partition)
		}
	}
	made, err := d.bus.read(ctx, roles.Out(d.double.Name).String(), true)
	if err != nil {
		return 0, "", err
	}
	times := map[int32][]time.Time{}
	for _, r := range made {
		times[r.partition] = append(times[r.partition], r.at)
	}
	for partition, list := range times {
		note(longestGap(list, d.begun, d.ended), "made: "+roles.Out(d.double.Name).String(), partition)
	}
	return most, where, nil
}

// standstills returns, for each partition of a topic, the longest time in which its offset did not move
// although a record was there.
func standstills(topic string, history []move, records []seen, begin, end time.Time) map[int32]time.Duration {
	most, last, came := map[int32]time.Duration{}, map[int32]time.Time{}, map[int32][]seen{}
	for _, r := range records { // in order of their offsets
		came[r.partition] = append(came[r.partition], r)
	}
	for _, m := range history {
		if m.topic != topic || m.after == m.before {
			continue
		}
		list := came[m.partition]
		first, _ := slices.BinarySearchFunc(list, m.before, func(r seen, offset int64) int { return int(r.offset - offset) })
		if m.at.After(begin) && m.at.Before(end) && first < len(list) {
			since := list[first].at
			if since.Before(last[m.partition]) {
				since = last[m.partition]
			}
			most[m.partition] = max(most[m.partition], m.at.Sub(since))
		}
		last[m.partition] = m.at
	}
	return most
}

// longestGap returns the longest time without any of some moments between begin and end.
func longestGap(moments []time.Time, begin, end time.Time) (most time.Duration) {
	last := begin
	for _, t := range slices.SortedFunc(slices.Values(moments), time.Time.Compare) {
		switch {
		case t.Before(begin):
			continue
		case t.After(end):
			return max(most, end.Sub(last))
		}
		most, last = max(most, t.Sub(last)), t
	}
	return max(most, end.Sub(last))
}

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
)

// byKey groups records by key, in order.
func byKey(records []seen) map[string][]seen {
	keys := map[string][]seen{}
	for _, r := range records {
		keys[r.key] = append(keys[r.key], r)
	}
	return keys
}

// distinct drops what was sent again under a key and an id that came before, and counts it.
func distinct(records []seen) (first []seen, resent int) {
	known := make(map[string]bool, len(records))
	for _, r := range records {
		if known[r.key+"|"+r.id] {
			resent++
			continue
		}
		known[r.key+"|"+r.id] = true
		first = append(first, r)
	}
	return first, resent
}

// checkSequence wants, for each key, exactly the ids of want in their order, apart from resends
// under the same id, which it counts.
func checkSequence(what string, records []seen, want map[string][]string) (resent int, err error) {
	first, resent := distinct(records)
	got := byKey(first)
	for key, ids := range want {
		have := got[key]
		for i, id := range ids {
			switch {
			case i >= len(have):
				return resent, violatedf("%s: key %s: record %d of %d (id %s) was lost", what, key, i, len(ids), id)
			case have[i].id != id:
				return resent, violatedf("%s: key %s: place %d has id %s (n=%d, cause %s, partition %d, offset %d, %s), want %s, which %s",
					what, key, i, have[i].id, have[i].data.N, have[i].headers["ce_causationid"], have[i].partition, have[i].offset,
					have[i].at.UTC().Format("15:04:05.000"), id, whereabouts(have, id))
			}
		}
		if len(have) > len(ids) {
			extra := have[len(ids)]
			return resent, violatedf("%s: key %s: id %s at partition %d, offset %d belongs to no input", what, key, extra.id, extra.partition, extra.offset)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			return resent, violatedf("%s: key %s belongs to no input", what, key)
		}
	}
	return resent, nil
}

// whereabouts says where an id is that is not where it belongs.
func whereabouts(records []seen, id string) string {
	i := slices.IndexFunc(records, func(r seen) bool { return r.id == id })
	if i < 0 {
		return "is nowhere"
	}
	return fmt.Sprintf("is at place %d (cause %s, partition %d, offset %d, %s)", i, records[i].headers["ce_causationid"], records[i].partition,
		records[i].offset, records[i].at.UTC().Format("15:04:05.000"))
}

// checkMirror wants that each key of out holds, one for one and in order, what in holds: not even a
// resend more or less. It is what a transaction from topic to topic promises.
func checkMirror(what string, in, out []seen, derive func(id string) string) error {
	from, to := byKey(in), byKey(out)
	for key, ins := range from {
		outs := to[key]
		for i, r := range ins {
			switch {
			case i >= len(outs):
				return violatedf("%s: key %s: nothing for input %s at partition %d, offset %d", what, key, r.id, r.partition, r.offset)
			case outs[i].id != derive(r.id):
				return violatedf("%s: key %s: place %d (partition %d, offset %d) holds n=%d, want what follows from n=%d",
					what, key, i, outs[i].partition, outs[i].offset, outs[i].data.N, r.data.N)
			}
		}
		if len(outs) > len(ins) {
			return violatedf("%s: key %s: %d records for %d inputs; the first too many is at partition %d, offset %d",
				what, key, len(outs), len(ins), outs[len(ins)].partition, outs[len(ins)].offset)
		}
	}
	return nil
}

// fold is the chain of some events.
func fold(events []link) roles.Chain {
	var c roles.Chain
	for _, e := range events {
		c = c.Next(e.n, e.id)
	}
	return c
}

// link is what a chain is made of.
type link struct {
	n  int
	id string
}

// checkIntervals wants that the times in which the handlers of a key worked never overlap, in what was
// committed: each answer carries who made it, from when to when.
func checkIntervals(records []seen) error {
	first, _ := distinct(records)
	for key, list := range byKey(first) {
		for i := 1; i < len(list); i++ {
			a, b := list[i-1].data, list[i].data
			if b.From < a.To {
				return violatedf("key %s had two owners for %s: process %s handled n=%d until %s, process %s began n=%d at %s", key,
					time.Duration(a.To-b.From), a.By, a.N, moment(a.To), b.By, b.N, moment(b.From))
			}
		}
	}
	return nil
}

func moment(nanos int64) string { return time.Unix(0, nanos).UTC().Format("15:04:05.000000") }

package engine

// laneKey is something that two items must not use at the same time.
type laneKey struct {
	kind byte // what value is: 'r' a record's key, 's' a state's key, 'i' an idempotency key
	of   string
}

// Lanes returns the lane of each item: items that share a record's key, a state or an idempotency key
// are in one lane, named by the index of its first item, and must be settled in their order. Items of
// different lanes have nothing in common. All are of one topic, or all are timers, which have no record.
func Lanes(items []Item) []int {
	lanes := make([]int, len(items))
	first := make(map[laneKey]int, 2*len(items))
	for i, it := range items {
		lanes[i] = i
		for _, k := range [...]laneKey{{'r', it.Record.Key}, {'s', it.StateKey}, {'i', it.IdempotencyKey}} {
			if k.of == "" && k.kind != 'r' || k.kind == 'r' && it.Timer != nil {
				continue
			}
			if j, shared := first[k]; shared {
				join(lanes, i, j)
			} else {
				first[k] = i
			}
		}
	}
	for i := range lanes {
		lanes[i] = root(lanes, i)
	}
	return lanes
}

func root(lanes []int, i int) int {
	for lanes[i] != i {
		lanes[i] = lanes[lanes[i]]
		i = lanes[i]
	}
	return i
}

// join puts two lanes together under the earlier of their first items.
func join(lanes []int, i, j int) {
	i, j = root(lanes, i), root(lanes, j)
	lanes[max(i, j)] = min(i, j)
}

// Overlay is what the store would know of a lane's items once the commits so far were written, so that
// items of one key can follow one another in one transaction. The zero value is empty. It is not safe
// for concurrent use.
type Overlay struct {
	seen   map[string]bool   // by idempotency key
	behind map[string]bool   // by record key
	state  map[string]Stored // by state key
}

// Add lays a commit on top.
func (o *Overlay) Add(c Commit) {
	if c.Inbox {
		if o.seen == nil {
			o.seen = map[string]bool{}
		}
		o.seen[c.Item.IdempotencyKey] = true
	}
	if c.Park != nil {
		if o.behind == nil {
			o.behind = map[string]bool{}
		}
		o.behind[c.Item.Record.Key] = true
	}
	if w := c.State; w != nil {
		if o.state == nil {
			o.state = map[string]Stored{}
		}
		o.state[w.Key] = Stored{Version: w.Expect + 1, Machine: w.Machine, Data: w.Data}
	}
}

// View returns what is known of an item, given what the store knows of it.
func (o *Overlay) View(it Item, stored View) View {
	stored.Seen = stored.Seen || o.seen[it.IdempotencyKey]
	stored.Behind = stored.Behind || o.behind[it.Record.Key]
	if s, ok := o.state[it.StateKey]; ok {
		stored.State = s
	}
	return stored
}

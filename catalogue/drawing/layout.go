package drawing

import (
	"cmp"
	"slices"
)

// plan is a part with a place for everything. Lengths are in pixels, y grows downwards.
type plan struct {
	part          Part
	width, height float64
	boxes         []place // of part.Boxes
	labels        []label
	lines         []line
}

// place is a rectangle.
type place struct{ x, y, w, h float64 }

func (p place) middle() float64 { return p.y + p.h/2 }

// label is the place of a channel's labels. A channel that leads both ways has two.
type label struct {
	place
	channel int
}

// line leads from a box to a label or from a label to a box.
type line struct {
	label  int // index of the plan's labels
	box    int
	to     bool // leads to the box
	points []point
}

// end names the end of the channel that the line is at.
func (l line) end() string {
	if l.to {
		return "to"
	}
	return "from"
}

type point struct{ x, y float64 }

// Distances between what is drawn.
const (
	rankGap  = 46.0 // between columns, at least
	boxGap   = 26.0
	labelGap = 12.0
	bendGap  = 9.0
	portGap  = 11.0 // between the ends of lines at a box
	partGap  = 40.0 // between what is not connected
)

// vertex is what the layout places: a box, a channel's labels, or the bend of a long line.
type vertex struct {
	place

	box, channel int // index, or -1
	rank         int
	ins, outs    []int // vertices at the ranks before and after
}

// edge connects two vertices, the left one first; reversed ones are drawn from right to left.
type edge struct {
	from, to int
	reversed bool
	label    int   // vertex of the channel's labels, one of the two
	chain    []int // all vertices from from to to
}

// layout places a part in layers from left to right, in the manner of Sugiyama: it ranks, inserts
// bends, orders each rank so that few lines cross, and straightens the lines.
type layout struct {
	part     Part
	vertices []vertex
	edges    []edge
	ranks    [][]int // vertices from top to bottom
}

// arrange returns the plan of a part. What is not connected is laid out by itself and put in rows.
func arrange(part Part) plan {
	var plans []plan
	for _, piece := range pieces(part) {
		l := newLayout(piece)
		l.rank()
		l.bend()
		l.order()
		l.place()
		plans = append(plans, l.plan())
	}
	return pack(part, plans)
}

func newLayout(part Part) *layout {
	l := &layout{part: part}
	index := map[string]int{}
	for i, b := range part.Boxes {
		w, h := l.turned(boxSize(b))
		index[b.ID] = i
		l.vertices = append(l.vertices, vertex{place: place{w: w, h: h}, box: i, channel: -1})
	}
	position := make([]int, len(part.Boxes))
	for at, i := range sequence(part) {
		position[i] = at
	}
	for i, ch := range part.Channels {
		l.connect(i, ch, index, position)
	}
	l.grow()
	return l
}

// turned exchanges width and height of what is laid out from top to bottom: the layout itself knows
// only from left to right.
func (l *layout) turned(w, h float64) (float64, float64) {
	if l.part.Down {
		return h, w
	}
	return w, h
}

// connect adds the labels of a channel between its ends: one for what leads to the right, and one for
// what leads back.
func (l *layout) connect(i int, ch Channel, index map[string]int, position []int) {
	for _, back := range []bool{false, true} {
		from, to := l.ends(ch, index, position, back)
		if len(from) == 0 && len(to) == 0 {
			continue
		}
		v := len(l.vertices)
		w, h := l.turned(labelSize(ch))
		l.vertices = append(l.vertices, vertex{place: place{w: w, h: h}, box: -1, channel: i})
		for _, b := range from {
			l.edges = append(l.edges, leadsTo(b, v, back, v))
		}
		for _, b := range to {
			l.edges = append(l.edges, leadsTo(v, b, back, v))
		}
	}
}

func leadsTo(from, to int, reversed bool, label int) edge {
	if reversed {
		from, to = to, from
	}
	return edge{from: from, to: to, reversed: reversed, label: label}
}

// ends returns the boxes at the ends of a channel between which it leads back, or does not. A channel
// that nobody sends or consumes leads forward.
func (l *layout) ends(ch Channel, index map[string]int, position []int, back bool) (from, to []int) {
	for _, a := range ch.From {
		for _, b := range ch.To {
			i, j := index[a], index[b]
			if (position[i] > position[j]) == back {
				from, to = addNew(from, i), addNew(to, j)
			}
		}
		if len(ch.To) == 0 && !back {
			from = addNew(from, index[a])
		}
	}
	for _, b := range ch.To {
		if len(ch.From) == 0 && !back {
			to = addNew(to, index[b])
		}
	}
	return from, to
}

func addNew(list []int, i int) []int {
	if slices.Contains(list, i) {
		return list
	}
	return append(list, i)
}

// grow makes boxes high enough for the lines that end at each of their sides.
func (l *layout) grow() {
	left, right := make([]int, len(l.vertices)), make([]int, len(l.vertices))
	for _, e := range l.edges {
		right[e.from]++
		left[e.to]++
	}
	for i := range l.vertices {
		if v := &l.vertices[i]; v.box >= 0 {
			v.h = max(v.h, portGap*float64(max(left[i], right[i])+1))
		}
	}
}

// rank gives each vertex a column: as far left as its predecessors allow, then as near to its
// neighbours as there is room.
func (l *layout) rank() {
	for range l.vertices {
		moved := false
		for _, e := range l.edges {
			if l.vertices[e.to].rank <= l.vertices[e.from].rank {
				l.vertices[e.to].rank, moved = l.vertices[e.from].rank+1, true
			}
		}
		if !moved {
			break
		}
	}
	for range 8 {
		if !l.tighten() {
			break
		}
	}
	lowest := slices.MinFunc(l.vertices, func(a, b vertex) int { return cmp.Compare(a.rank, b.rank) }).rank
	for i := range l.vertices {
		l.vertices[i].rank -= lowest
	}
}

// tighten moves vertices with more lines to one side towards that side.
func (l *layout) tighten() bool {
	moved := false
	for i := range l.vertices {
		low, high, pull := l.room(i)
		target := l.vertices[i].rank
		switch {
		case pull > 0 && high < none:
			target = high
		case pull < 0 && low > -none:
			target = low
		}
		if target != l.vertices[i].rank {
			l.vertices[i].rank, moved = target, true
		}
	}
	return moved
}

// none is beyond every rank.
const none = 1 << 30

// room returns the ranks a vertex may have, and whether more lines lead right (> 0) or left.
func (l *layout) room(i int) (low, high, pull int) {
	low, high = -none, none
	for _, e := range l.edges {
		switch i {
		case e.from:
			high, pull = min(high, l.vertices[e.to].rank-1), pull+1
		case e.to:
			low, pull = max(low, l.vertices[e.from].rank+1), pull-1
		}
	}
	return low, high, pull
}

// bend inserts a vertex at every rank that a line crosses.
func (l *layout) bend() {
	for i := range l.edges {
		e := &l.edges[i]
		e.chain = []int{e.from}
		for r := l.vertices[e.from].rank + 1; r < l.vertices[e.to].rank; r++ {
			l.vertices = append(l.vertices, vertex{box: -1, channel: -1, rank: r})
			e.chain = append(e.chain, len(l.vertices)-1)
		}
		e.chain = append(e.chain, e.to)
		for k, v := range e.chain[1:] {
			l.vertices[e.chain[k]].outs = append(l.vertices[e.chain[k]].outs, v)
			l.vertices[v].ins = append(l.vertices[v].ins, e.chain[k])
		}
	}
	for i, v := range l.vertices {
		for len(l.ranks) <= v.rank {
			l.ranks = append(l.ranks, nil)
		}
		l.ranks[v.rank] = append(l.ranks[v.rank], i)
	}
}

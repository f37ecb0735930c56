package drawing

import (
	"math"
	"slices"
)

// rounds returns how often the lines are straightened: small drawings until nothing moves, large ones
// until nobody sees it.
func (l *layout) rounds() int { return min(max(20_000/len(l.vertices), 40), 400) }

// place gives every vertex its coordinates. Products are converted before they are added, here and
// in the sizes, because a processor that multiplies and adds in one step would round differently.
func (l *layout) place() {
	for _, rank := range l.ranks {
		y := 0.0
		for k, v := range rank {
			if k > 0 {
				y += l.gap(rank[k-1], v)
			}
			l.vertices[v].y = y
			y += l.vertices[v].h
		}
	}
	for i := range l.rounds() {
		for r := range l.ranks {
			if i%2 == 1 {
				r = len(l.ranks) - 1 - r
			}
			l.straighten(l.ranks[r])
		}
	}
	l.columns()
}

// gap returns the distance between two vertices of a rank.
func (l *layout) gap(above, below int) float64 {
	a, b := l.vertices[above], l.vertices[below]
	switch {
	case a.box >= 0 && b.box >= 0:
		return boxGap
	case a.box >= 0 || b.box >= 0 || a.channel >= 0 || b.channel >= 0:
		return labelGap
	}
	return bendGap
}

// block is a run of vertices that touch each other and move together.
type block struct {
	top, weight float64 // of the first vertex; how much it resists
	vertices    []int
	height      float64
}

// straighten moves the vertices of a rank as near to the middle of their neighbours as their order
// and distances allow: isotonic regression by pooling adjacent violators.
func (l *layout) straighten(rank []int) {
	var blocks []block
	for _, v := range rank {
		want, weight := l.wanted(v)
		b := block{top: want - l.vertices[v].h/2, weight: weight, vertices: []int{v}, height: l.vertices[v].h}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			distance := last.height + l.gap(last.vertices[len(last.vertices)-1], b.vertices[0])
			if last.top+distance <= b.top {
				break
			}
			b = block{
				top:    (float64(last.top*last.weight) + float64((b.top-distance)*b.weight)) / (last.weight + b.weight),
				weight: last.weight + b.weight, vertices: slices.Concat(last.vertices, b.vertices), height: distance + b.height,
			}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		y := b.top
		for k, v := range b.vertices {
			if k > 0 {
				y += l.gap(b.vertices[k-1], v)
			}
			l.vertices[v].y = y
			y += l.vertices[v].h
		}
	}
}

// wanted returns the middle of a vertex's neighbours, and how much it matters: bends most, so that
// long lines are straight.
func (l *layout) wanted(v int) (middle, weight float64) {
	sum, total := 0.0, 0.0
	for _, n := range slices.Concat(l.vertices[v].ins, l.vertices[v].outs) {
		w := 1.0
		if l.isBend(v) && l.isBend(n) {
			w = 8
		} else if l.isBend(v) || l.isBend(n) {
			w = 2
		}
		sum, total = sum+float64(w*l.vertices[n].middle()), total+w
	}
	if total == 0 {
		return l.vertices[v].middle(), 0.1
	}
	return sum / total, total
}

func (l *layout) isBend(v int) bool { return l.vertices[v].box < 0 && l.vertices[v].channel < 0 }

// columns gives each rank its place from left to right. The steeper the lines between two ranks, the
// wider the gap.
func (l *layout) columns() {
	x := 0.0
	for _, rank := range l.ranks {
		width, steep := 0.0, 0.0
		for _, v := range rank {
			width = max(width, l.vertices[v].w)
			for _, n := range l.vertices[v].outs {
				steep = max(steep, math.Abs(l.vertices[n].middle()-l.vertices[v].middle()))
			}
		}
		for _, v := range rank {
			l.vertices[v].x = x + (width-l.vertices[v].w)/2
			if l.isBend(v) {
				l.vertices[v].x, l.vertices[v].w = x, width
			}
		}
		x += width + min(rankGap+steep/8, 3*rankGap)
	}
}

// plan turns the layout into the places of boxes, labels and lines, from the corner 0, 0.
func (l *layout) plan() plan {
	top := math.Inf(1)
	for _, v := range l.vertices {
		top = min(top, v.y)
	}
	p := plan{part: l.part, boxes: make([]place, len(l.part.Boxes))}
	labels := map[int]int{}
	for i := range l.vertices {
		v := &l.vertices[i]
		v.y -= top
		p.width, p.height = max(p.width, v.x+v.w), max(p.height, v.y+v.h)
		switch {
		case v.box >= 0:
			p.boxes[v.box] = v.place
		case v.channel >= 0:
			labels[i] = len(p.labels)
			p.labels = append(p.labels, label{v.place, v.channel})
		}
	}
	p.lines = l.lines(labels)
	if l.part.Down {
		p.turn()
	}
	return p
}

// turn makes left the top.
func (p *plan) turn() {
	p.width, p.height = p.height, p.width
	for i, b := range p.boxes {
		p.boxes[i] = place{b.y, b.x, b.h, b.w}
	}
	for i, l := range p.labels {
		p.labels[i].place = place{l.y, l.x, l.h, l.w}
	}
	for _, l := range p.lines {
		for i, at := range l.points {
			l.points[i] = point{at.y, at.x}
		}
	}
}

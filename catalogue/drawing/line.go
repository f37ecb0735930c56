package drawing

import (
	"cmp"
	"slices"
)

// lines returns the points of all edges, in the direction they are drawn. Lines that end at the same
// side of a box do so one below the other, in the order of where they come from.
// labels holds the indexes of the vertices that are labels.
func (l *layout) lines(labels map[int]int) []line {
	starts, ends := l.ports(false), l.ports(true)
	list := make([]line, 0, len(l.edges))
	for i, e := range l.edges {
		var points []point
		for k, v := range e.chain {
			at := l.vertices[v]
			switch k {
			case 0:
				points = append(points, point{at.x + at.w, starts[i]})
			case len(e.chain) - 1:
				points = append(points, point{at.x, ends[i]})
			default:
				points = append(points, point{at.x, at.middle()}, point{at.x + at.w, at.middle()})
			}
		}
		box, to := l.vertices[e.from].box, false
		if box < 0 {
			box, to = l.vertices[e.to].box, true
		}
		if e.reversed {
			slices.Reverse(points)
			to = !to
		}
		list = append(list, line{label: labels[e.label], box: box, to: to, points: points})
	}
	return list
}

// ports returns the height at which each edge leaves its left vertex, or reaches its right one.
func (l *layout) ports(right bool) []float64 {
	heights := make([]float64, len(l.edges))
	at := make([][]int, len(l.vertices))
	for i, e := range l.edges {
		if right {
			at[e.to] = append(at[e.to], i)
		} else {
			at[e.from] = append(at[e.from], i)
		}
	}
	for v, edges := range at {
		slices.SortStableFunc(edges, func(a, b int) int {
			return cmp.Compare(l.vertices[l.beside(a, right)].middle(), l.vertices[l.beside(b, right)].middle())
		})
		for k, i := range edges {
			heights[i] = l.vertices[v].middle()
			if l.vertices[v].box >= 0 {
				heights[i] += float64((float64(k) - float64(len(edges)-1)/2) * portGap)
			}
		}
	}
	return heights
}

// beside returns the vertex next to the end of an edge.
func (l *layout) beside(e int, right bool) int {
	chain := l.edges[e].chain
	if right {
		return chain[len(chain)-2]
	}
	return chain[1]
}

package drawing

import (
	"cmp"
	"slices"
)

// sweeps bounds how often the ranks are ordered anew.
const sweeps = 24

// order sorts each rank so that few lines cross: by the middle of the neighbours in one direction
// after the other, then by exchanging neighbours. It begins once at each side; the best order seen
// stays.
func (l *layout) order() {
	at := make([]int, len(l.vertices))
	var best [][]int
	fewest := none
	for _, right := range []bool{false, true} {
		l.depthFirst(right)
		l.index(at)
		for i := range sweeps {
			if n := l.crossings(at); n < fewest {
				best, fewest = l.copyRanks(), n
			}
			l.sweep(at, (i%2 == 0) != right)
			l.exchange(at)
		}
	}
	l.ranks = best
}

// depthFirst puts what is connected next to each other to begin with, starting from the first or the
// last rank.
func (l *layout) depthFirst(right bool) {
	seen := make([]bool, len(l.vertices))
	next := make([][]int, len(l.ranks))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		v := &l.vertices[i]
		next[v.rank] = append(next[v.rank], i)
		for _, j := range slices.Concat(v.outs, v.ins) {
			visit(j)
		}
	}
	ranks := slices.Clone(l.ranks)
	if right {
		slices.Reverse(ranks)
	}
	for _, i := range slices.Concat(ranks...) {
		visit(i)
	}
	l.ranks = next
}

func (l *layout) copyRanks() [][]int {
	ranks := make([][]int, len(l.ranks))
	for i, r := range l.ranks {
		ranks[i] = slices.Clone(r)
	}
	return ranks
}

// index fills at with the place of each vertex in its rank.
func (l *layout) index(at []int) {
	for _, rank := range l.ranks {
		for i, v := range rank {
			at[v] = i
		}
	}
}

// sweep sorts rank after rank by the mean place of the neighbours in the rank before, or after.
func (l *layout) sweep(at []int, forward bool) {
	for i := range l.ranks {
		r := i
		if !forward {
			r = len(l.ranks) - 1 - i
		}
		mean := map[int]float64{}
		for _, v := range l.ranks[r] {
			neighbours := l.vertices[v].ins
			if !forward {
				neighbours = l.vertices[v].outs
			}
			mean[v] = meanPlace(neighbours, at, float64(at[v]))
		}
		slices.SortStableFunc(l.ranks[r], func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
		for k, v := range l.ranks[r] {
			at[v] = k
		}
	}
}

func meanPlace(vertices, at []int, otherwise float64) float64 {
	if len(vertices) == 0 {
		return otherwise
	}
	sum := 0
	for _, v := range vertices {
		sum += at[v]
	}
	return float64(sum) / float64(len(vertices))
}

// exchange swaps neighbours in a rank as long as that saves crossings.
func (l *layout) exchange(at []int) {
	for range 4 {
		better := false
		for _, rank := range l.ranks {
			for k := range len(rank) - 1 {
				a, b := rank[k], rank[k+1]
				if l.crossed(a, b, at) > l.crossed(b, a, at) {
					rank[k], rank[k+1] = b, a
					at[a], at[b] = k+1, k
					better = true
				}
			}
		}
		if !better {
			return
		}
	}
}

// crossed counts the crossings between the lines of a vertex and of the one below it.
func (l *layout) crossed(above, below int, at []int) int {
	n := 0
	for _, sides := range [][2][]int{
		{l.vertices[above].ins, l.vertices[below].ins},
		{l.vertices[above].outs, l.vertices[below].outs},
	} {
		for _, a := range sides[0] {
			for _, b := range sides[1] {
				if at[a] > at[b] {
					n++
				}
			}
		}
	}
	return n
}

// crossings counts all pairs of lines that cross.
func (l *layout) crossings(at []int) int {
	n := 0
	for _, rank := range l.ranks {
		var ends []int
		for _, v := range rank {
			outs := slices.Clone(l.vertices[v].outs)
			slices.SortFunc(outs, func(a, b int) int { return at[a] - at[b] })
			for _, w := range outs {
				ends = append(ends, at[w])
			}
		}
		n += inversions(ends)
	}
	return n
}

// inversions counts the pairs that stand in the wrong order.
func inversions(list []int) int {
	if len(list) < 2 {
		return 0
	}
	left, right := slices.Clone(list[:len(list)/2]), slices.Clone(list[len(list)/2:])
	n := inversions(left) + inversions(right)
	slices.Sort(left)
	slices.Sort(right)
	for i, k := 0, 0; k < len(right); k++ {
		for i < len(left) && left[i] <= right[k] {
			i++
		}
		n += len(left) - i
	}
	return n
}

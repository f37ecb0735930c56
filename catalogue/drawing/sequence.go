package drawing

import "slices"

// sequence returns the indexes of a part's boxes in an order in which as little as possible leads
// back: the heuristic of Eades, Lin and Smyth for feedback arcs. Commands weigh more than events, so
// that who leads stands before who is led; what leads back to the initial box does not count.
func sequence(part Part) []int {
	s := newSequencer(part)
	var left, right []int
	for len(s.open) > 0 {
		i := s.pick()
		if s.out[i] == 0 && s.in[i] > 0 {
			right = append(right, i)
		} else {
			left = append(left, i)
		}
		s.remove(i)
	}
	slices.Reverse(right)
	return append(left, right...)
}

type sequencer struct {
	weight  []map[int]int // from a box to boxes
	in, out []int
	open    []int // boxes without a place, in their order
}

func newSequencer(part Part) *sequencer {
	n := len(part.Boxes)
	s := &sequencer{weight: make([]map[int]int, n), in: make([]int, n), out: make([]int, n)}
	index := map[string]int{}
	for i, b := range part.Boxes {
		index[b.ID], s.weight[i] = i, map[int]int{}
		s.open = append(s.open, i)
	}
	for _, ch := range part.Channels {
		w := 1
		if ch.Class == ClassCommand {
			w = 3
		}
		for _, from := range ch.From {
			for _, to := range ch.To {
				i, j := index[from], index[to]
				if part.Boxes[j].Kind == KindInitial {
					continue
				}
				s.weight[i][j] += w
				s.out[i] += w
				s.in[j] += w
			}
		}
	}
	return s
}

// pick returns a sink, else a source, else the box that leads most.
func (s *sequencer) pick() int {
	best := -1
	for _, i := range s.open {
		switch {
		case s.out[i] == 0 && s.in[i] > 0:
			return i
		case best < 0, s.in[i] == 0 && s.in[best] > 0, s.in[i] > 0 && s.in[best] > 0 && s.out[i]-s.in[i] > s.out[best]-s.in[best]:
			best = i
		}
	}
	return best
}

func (s *sequencer) remove(i int) {
	s.open = slices.DeleteFunc(s.open, func(j int) bool { return j == i })
	for j, w := range s.weight[i] {
		s.in[j] -= w
	}
	for j := range s.weight {
		if w := s.weight[j][i]; w > 0 {
			s.out[j] -= w
		}
	}
	s.weight[i] = nil
}

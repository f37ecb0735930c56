package contract

import "slices"

// cycles returns the circles of a graph that a depth-first walk meets: none if it is acyclic. Nodes
// are walked in the given order, so that the result is deterministic.
func cycles(nodes []string, graph map[string][]string) [][]string {
	w := walker{graph: graph, state: map[string]int{}}
	for _, n := range nodes {
		w.walk(n)
	}
	return w.found
}

type walker struct {
	graph map[string][]string
	state map[string]int // 0: new, 1: on the path, 2: done
	path  []string
	found [][]string
}

func (w *walker) walk(n string) {
	switch w.state[n] {
	case 1:
		w.found = append(w.found, slices.Clone(w.path[slices.Index(w.path, n):]))
		return
	case 2:
		return
	}
	w.state[n] = 1
	w.path = append(w.path, n)
	for _, next := range w.graph[n] {
		w.walk(next)
	}
	w.path = w.path[:len(w.path)-1]
	w.state[n] = 2
}

// reach returns the nodes of a graph that can be reached from the given ones.
func reach(graph map[string][]string, from ...string) map[string]bool {
	reached := map[string]bool{}
	from = slices.Clone(from) // the caller keeps its own
	for len(from) > 0 {
		next := from[len(from)-1]
		from = from[:len(from)-1]
		if !reached[next] {
			reached[next] = true
			from = append(from, graph[next]...)
		}
	}
	return reached
}

// reversed returns the graph with its edges turned round.
func reversed(graph map[string][]string) map[string][]string {
	out := map[string][]string{}
	for from, tos := range graph {
		for _, to := range tos {
			out[to] = append(out[to], from)
		}
	}
	return out
}

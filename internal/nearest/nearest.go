// Package nearest finds the name that somebody meant.
package nearest

import "strings"

// maxNear bounds the length of what is compared; longer input is no misspelling of a name.
const maxNear = 128

// Of returns the candidate that name is most likely a misspelling of; "" if none is, or if two are equally near: then
// it cannot tell which is meant.
func Of(name string, candidates []string) string {
	best, bestDistance, tie := "", 1+max(1, (len(name)+1)/4), false
	if len(name) > maxNear {
		return ""
	}
	for _, c := range candidates {
		switch d := distance(name, c, bestDistance+1); {
		case d < bestDistance:
			best, bestDistance, tie = c, d, false
		case d == bestDistance && best != "" && c != best:
			tie = true
		}
	}
	if tie {
		return ""
	}
	return best
}

// distance returns the number of insertions, deletions, substitutions and exchanges of neighbours
// that turn a into b, or limit if it is not smaller. A beginning of b counts as one step away.
func distance(a, b string, limit int) int {
	if len(a) > 2 && strings.HasPrefix(b, a) {
		return min(len(b)-len(a), 1)
	}
	if len(b) > maxNear || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	var rows [3][maxNear + 1]int
	before, above, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			if a[i] == b[j] {
				row[j+1] = above[j]
				continue
			}
			row[j+1] = 1 + min(above[j], above[j+1], row[j])
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], 1+before[j-1])
			}
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], limit)
}

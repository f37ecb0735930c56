package contract

// maxNear bounds the length of what is compared; longer input is no misspelling of a name.
const maxNear = 128

// nearest returns the candidate that name is most likely a misspelling of, or "". Once a file has
// more mistakes than are shown, it does not look any more: the comparison is the only part of
// parsing whose cost is more than linear.
func (p *parser) nearest(name string, candidates []string) string {
	if p.problems.full() {
		return ""
	}
	return nearest(name, candidates)
}

func nearest(name string, candidates []string) string {
	best, bestDistance := "", 1+max(1, len(name)/3)
	if len(name) > maxNear {
		return ""
	}
	for _, c := range candidates {
		if d := distance(name, c, bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance returns the number of insertions, deletions and substitutions that turn a into b, or
// limit if it is not smaller.
func distance(a, b string, limit int) int {
	if len(b) > maxNear || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	var buffer [maxNear + 1]int
	row := buffer[:len(b)+1]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, above, row[j])
			}
			row[j+1], diagonal = cost, above
		}
	}
	return min(row[len(b)], limit)
}

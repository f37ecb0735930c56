package contract

import "github.com/omninode-ai/omninode/internal/nearest"

// nearestBudget bounds the comparisons of characters that one file may cause, because comparing is
// the only part of parsing whose cost is more than linear.
const nearestBudget = 4_000_000

// nearest returns the candidate that name is most likely a misspelling of, or "".
func (p *parser) nearest(name string, candidates []string) string {
	for _, c := range candidates {
		p.compared += len(name) * len(c)
	}
	if p.compared > nearestBudget || p.problems.full() {
		return ""
	}
	return nearest.Of(name, candidates)
}

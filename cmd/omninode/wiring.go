package main

import (
	"errors"
	"path/filepath"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/wiring"
)

const codeWiring = "ONEX_GENERATE_003_WIRING_CYCLE"

// checkWiring reports constructors of the named nodes, or of all, that need each other: what they
// build can never be there. The compiler refuses every other cycle.
func (a *app) checkWiring(nodes []string) error {
	if len(nodes) == 0 {
		files, err := filepath.Glob(filepath.Join(a.nodes, "*", contract.FileName))
		if err != nil {
			return unreadable(a.nodes, err)
		}
		for _, f := range files {
			nodes = append(nodes, filepath.Base(filepath.Dir(f)))
		}
	}
	var cycles []error
	for _, node := range nodes {
		found, err := wiring.Cycles(filepath.Join(a.nodes, node))
		if err != nil {
			return unreadable(filepath.Join(a.nodes, node), err)
		}
		for _, c := range found {
			cycles = append(cycles, errors.New(c.String()))
		}
	}
	if len(cycles) > 0 {
		return mistake(codeWiring, errors.Join(cycles...), "build one of them first and pass it to the other, or split what both need from it")
	}
	return nil
}

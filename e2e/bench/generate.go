package main

import (
	"context"
	"fmt"
	"go/format"
	"path/filepath"
	"strings"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

const module = "github.com/omninode-ai/omninode"

// generate times everything between contracts on disk and files in memory.
func (b *bench) generate(ctx context.Context) error {
	return b.besideFormat(ctx, "the fleet", func() (*contract.Fleet, error) {
		return contract.LoadFleet(filepath.Join(b.root, "nodes"))
	})
}

// besideFormat times reading, checking and generating a fleet, and go/format on what came of it, in
// turn.
func (b *bench) besideFormat(ctx context.Context, what string, load func() (*contract.Fleet, error)) error {
	var files []codegen.File
	ours := func() error {
		fleet, err := load()
		if err != nil {
			return err
		}
		files, err = codegen.GenerateFleet(ctx, fleet, codegen.Options{Module: module})
		return err
	}
	total := 0
	reference := func() error {
		total = 0
		for _, f := range files {
			if !strings.HasSuffix(f.Path, ".go") {
				continue
			}
			total += len(f.Content)
			if _, err := format.Source(f.Content); err != nil {
				return err
			}
		}
		return nil
	}
	took, err := inTurn(20, ours, reference)
	if err != nil {
		return err
	}
	b.spread("read, check and generate "+what, took[0])
	b.spread(fmt.Sprintf("go/format on the same %d KiB", total>>10), took[1])
	fmt.Fprintf(b.out, "  %-50s %9.1f\n", "ratio of the medians", float64(median(took[0]))/float64(median(took[1])))
	return nil
}

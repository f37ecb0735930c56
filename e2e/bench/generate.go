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
	var files []codegen.File
	ours, err := repeat(20, func() error {
		fleet, err := contract.LoadFleet(filepath.Join(b.root, "nodes"))
		if err != nil {
			return err
		}
		files, err = codegen.GenerateFleet(ctx, fleet, codegen.Options{Module: module})
		return err
	})
	if err != nil {
		return err
	}
	total := 0
	reference, err := repeat(20, func() error {
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
	})
	if err != nil {
		return err
	}
	b.spread("read, validate and generate the fleet", ours)
	b.spread(fmt.Sprintf("go/format on the same %d KiB", total>>10), reference)
	fmt.Fprintf(b.out, "  %-44s %9.1f\n", "ratio of the medians", float64(ours[len(ours)/2])/float64(reference[len(reference)/2]))
	return nil
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

// scale times the generator on fleets larger than the shop, each a multiple of it.
func (b *bench) scale(ctx context.Context) error {
	hundred, err := b.shops(100)
	if err != nil {
		return err
	}
	if err := b.besideFormat(ctx, "100 contracts", func() (*contract.Fleet, error) { return contract.ParseFleet(hundred) }); err != nil {
		return err
	}
	thousand, err := b.shops(1000)
	if err != nil {
		return err
	}
	validated, err := repeat(5, func() error {
		_, err := contract.ParseFleet(thousand)
		return err
	})
	if err != nil {
		return err
	}
	b.spread("read and check a fleet of 1,000 contracts", validated)
	if err := b.repeatedRuns(ctx, hundred); err != nil {
		return err
	}
	return b.memory(ctx, thousand)
}

// shops returns n contracts: the shop's four again and again, each shop with names of its own.
func (b *bench) shops(n int) (map[string][]byte, error) {
	names := []string{"pricing", "payment", "orders", "checkout"}
	files := map[string][]byte{}
	for i := range n {
		name, shop := names[i%len(names)], i/len(names)
		src, err := os.ReadFile(filepath.Join(b.root, "nodes", name, contract.FileName))
		if err != nil {
			return nil, err
		}
		text := strings.Replace(string(src), "node: "+name, fmt.Sprintf("node: %s-%d", name, shop), 1)
		for _, other := range names {
			text = strings.ReplaceAll(text, other+"/", fmt.Sprintf("%s-%d/", other, shop))
			text = strings.ReplaceAll(text, "access: ["+other+"]", fmt.Sprintf("access: [%s-%d]", other, shop))
		}
		files[fmt.Sprintf("%s-%d/%s", name, shop, contract.FileName)] = []byte(text)
	}
	return files, nil
}

// repeatedRuns times runs of omninode generate that find nothing to do, beside an empty program.
func (b *bench) repeatedRuns(ctx context.Context, hundred map[string][]byte) error {
	module, err := b.module(ctx, "hundred", hundred)
	if err != nil {
		return err
	}
	empty, err := b.empty(ctx)
	if err != nil {
		return err
	}
	one := func(ctx context.Context) *exec.Cmd { return b.generator(ctx, module, "pricing-0") }
	all := func(ctx context.Context) *exec.Cmd { return b.generator(ctx, module) }
	for _, run := range []struct {
		what string
		cmd  func(context.Context) *exec.Cmd
	}{
		{"start of an empty Go program", func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, empty) }},
		{"omninode version, which does nothing", b.omninode("version")},
		{"omninode generate, one node, no change", one},
		{"omninode generate, 100 nodes, no change", all},
	} {
		if err := b.command(ctx, 11, run.what, run.cmd); err != nil {
			return err
		}
	}
	return nil
}

// memory prints what omninode generate needs at most for 1,000 contracts.
func (b *bench) memory(ctx context.Context, thousand map[string][]byte) error {
	module, err := b.bare("thousand", thousand)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	c := b.generator(ctx, module)
	c.Stdout, c.Stderr = &out, &out
	start := time.Now()
	if err := c.Run(); err != nil {
		return fmt.Errorf("generate 1,000 nodes: %w\n%s", err, out.String())
	}
	b.spread("omninode generate, 1,000 nodes into an empty folder", []time.Duration{time.Since(start)})
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return fmt.Errorf("this system does not tell what a process used")
	}
	b.bytes("memory it needed at most", usage.Maxrss<<10)
	return nil
}

// module writes contracts into a module and generates them once.
func (b *bench) module(ctx context.Context, name string, contracts map[string][]byte) (string, error) {
	dir, err := b.bare(name, contracts)
	if err != nil {
		return "", err
	}
	for range 2 { // the second run remembers what the first one wrote
		if out, err := b.generator(ctx, dir).CombinedOutput(); err != nil {
			return "", fmt.Errorf("generate %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
}

// bare writes contracts into a module of their own.
func (b *bench) bare(name string, contracts map[string][]byte) (string, error) {
	dir := filepath.Join(b.temp, name)
	files := map[string][]byte{"go.mod": []byte("module example.com/" + name + "\n\ngo 1.26\n")}
	for path, content := range contracts {
		files[filepath.Join("nodes", path)] = content
	}
	return dir, writeFiles(dir, files)
}

func writeFiles(dir string, files map[string][]byte) error {
	for path, content := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generator runs omninode generate in a module.
func (b *bench) generator(ctx context.Context, module string, nodes ...string) *exec.Cmd {
	c := b.omninode(append([]string{"generate"}, nodes...)...)(ctx)
	c.Dir = module
	return c
}

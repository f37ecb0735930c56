// Package codegen turns a contract into the files of its node. It sits between the contract and the
// runtime: Validate → Model → Render → Format → Check → Write. Everything up to Write is pure; Write
// is the only function that touches a disk.
//
// Files have one of two owners. Owned files (*.gen.go, *.gen_test.go) belong to the generator: they
// are overwritten, and deleted once nothing generates them any more. Scaffold files belong to the
// node's author: they are written once and never touched again.
//
// Text from a contract enters code in two ways only: as a quoted literal, or as a comment without
// line breaks. Names are held to strict grammars. After rendering, each file is parsed and its
// declarations, imports and directives are compared with what the model allows.
package codegen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/contract"
)

// Owner says whom a generated file belongs to.
type Owner int

// The owners.
const (
	Owned    Owner = iota + 1 // the generator: overwritten, deleted when stale
	Scaffold                  // the author: written once
)

// File is one generated file.
type File struct {
	Path    string // slash-separated, relative to the folder of the nodes
	Mode    fs.FileMode
	Owner   Owner
	Content []byte
}

// Options says where the generated code will live.
type Options struct {
	Module string // path of the Go module that holds the nodes, e.g. "example.com/shop"
	Dir    string // folder of the nodes within the module, slash-separated; "" is "nodes"

	// Scaffolds holds templates of handler.go, wire.go and handler_test.go that take the place of the
	// built-in ones, by name: "handler.go.tmpl". What they yield is held to the same checks.
	Scaffolds map[string]string

	// OwnSchemas is the version of the tables that nodes have besides the runtime's, by node; without an
	// entry a node has none.
	OwnSchemas map[string]int64
}

func (o Options) validate() error {
	if !modulePath(o.Module) {
		return fmt.Errorf("generate: module path %q is not valid", o.Module)
	}
	if o.Dir != "" && o.Dir != "." && (!fs.ValidPath(o.Dir) || !modulePath(o.Dir)) {
		return fmt.Errorf("generate: folder %q is not inside the module", o.Dir)
	}
	return nil
}

// importPath returns the import path of a node's package.
func (o Options) importPath(node string) string {
	return path.Join(o.Module, cmp.Or(o.Dir, "nodes"), node)
}

// Generate returns the files of one node, sorted by path. The contract must have been loaded with
// its fleet, so that references to other nodes are resolved. The same contract yields the same
// bytes. It reads and writes nothing.
func Generate(ctx context.Context, c *contract.Contract, opts Options) ([]File, error) {
	r, err := newRenderer(opts)
	if err != nil {
		return nil, err
	}
	return r.node(ctx, c)
}

// GenerateFleet returns the files of all nodes and of the program that runs them in one process,
// sorted by path. All mistakes are reported together.
func GenerateFleet(ctx context.Context, f *contract.Fleet, opts Options) ([]File, error) {
	r, err := newRenderer(opts)
	if err != nil {
		return nil, err
	}
	nodes, errs := make([][]File, len(f.Contracts)), make([]error, len(f.Contracts))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range f.Contracts {
		workers.Go(func() error {
			nodes[i], errs[i] = r.node(ctx, c)
			return nil // every node's mistakes are wanted, not the first ones
		})
	}
	_ = workers.Wait()
	program, err := r.fleet(f.Contracts)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	files := slices.Concat(append(nodes, program)...)
	sortFiles(files)
	return files, nil
}

func sortFiles(files []File) {
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
}

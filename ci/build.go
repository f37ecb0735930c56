package main

import (
	"context"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

const (
	nodePort = 8080
	nodeMain = "/node"
	linkArgs = "-s -w"
)

// Compile the nodes and return an image tarball of each, with images.json.
//
// images.json lists references, digests and sizes; it is what deploy reads.
func (m *Omninode) Build(ctx context.Context) (*dagger.Directory, error) {
	names, err := m.nodes(ctx)
	if err != nil {
		return nil, err
	}
	images, err := m.images(names).Sync(ctx)
	if err != nil {
		return nil, explain("compile the nodes", "build", err)
	}
	return images, nil
}

// golang is where Go code is compiled: static, reproducible, modules and build cache in volumes.
func (m *Omninode) golang(source *dagger.Directory) *dagger.Container {
	return m.from(golangImage).
		WithEnvVariable("CGO_ENABLED", "0").
		WithEnvVariable("GOFLAGS", "-trimpath -buildvcs=false -mod=readonly").
		WithMountedCache("/go/pkg/mod", dag.CacheVolume("omninode-go-mod")).
		WithMountedCache("/root/.cache/go-build", dag.CacheVolume("omninode-go-build")).
		WithWorkdir("/src").
		WithMountedDirectory("/src", source)
}

// cli compiles the command. It does not depend on the nodes, so that generating them does not
// rebuild it.
func (m *Omninode) cli() *dagger.File {
	source := m.Source.Filter(dagger.DirectoryFilterOpts{Exclude: []string{"nodes", "env"}})
	return m.golang(source).
		WithExec([]string{"go", "build", "-ldflags", linkArgs, "-o", "/out/omninode", "./cmd/omninode"}).
		File("/out/omninode")
}

// tool is a container with the command and curl.
func (m *Omninode) tool() *dagger.Container {
	return m.from(golangImage).
		WithFile("/usr/local/bin/omninode", m.cli()).
		WithWorkdir("/src")
}

const buildNodes = `set -eu
for node in "$@"; do
  go build -ldflags "$LINK_ARGS" -o "/out/$node" "./nodes/$node/cmd"
done`

// binaries compiles the nodes. Only what they can import is looked at.
func (m *Omninode) binaries(nodes []string) *dagger.Directory {
	source := m.Source.Filter(dagger.DirectoryFilterOpts{Exclude: []string{
		"catalogue", "cmd", "codegen", "contract", "dialect", "e2e", "env", "templates", "**/*_test.go", "nodes/*/contract.yaml",
	}})
	return m.golang(source).
		WithEnvVariable("LINK_ARGS", linkArgs).
		WithExec(append([]string{"sh", "-c", buildNodes, "build"}, nodes...)).
		Directory("/out")
}

// images packs the nodes into OCI tarballs, listed in images.json. A digest follows from its image's
// content alone. What is deployed is what ran here: the tarballs are run as services, and exported.
func (m *Omninode) images(nodes []string) *dagger.Directory {
	return m.tool().
		WithMountedDirectory("/src/nodes", m.contracts()).
		WithMountedDirectory("/src/bin", m.binaries(nodes)).
		WithExec([]string{"omninode", "pack", "--binaries", "bin", "--out", "/out"}).
		Directory("/out")
}

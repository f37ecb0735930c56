package main

import (
	"context"
	"fmt"

	"github.com/omninode-ai/omninode/ci/image"
	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

const (
	// nodeUser is a user that no file on any system belongs to.
	nodeUser = "65532:65532"
	nodeMain = "/node"
	nodePort = 8080
	caBundle = "/etc/ssl/certs/ca-certificates.crt"
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
	return m.tarballs(ctx, names)
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
		WithWorkdir("/work")
}

const buildNodes = `set -eu
for node in "$@"; do
  go build -ldflags "$LINK_ARGS" -o "/out/$node" "./nodes/$node/cmd"
done`

// binaries compiles the nodes. Only what they can import is looked at.
func (m *Omninode) binaries(nodes []string) *dagger.Directory {
	source := m.Source.Filter(dagger.DirectoryFilterOpts{Exclude: []string{
		"cmd", "codegen", "contract", "e2e", "env", "templates", "**/*_test.go", "nodes/*/contract.yaml",
	}})
	return m.golang(source).
		WithEnvVariable("LINK_ARGS", linkArgs).
		WithExec(append([]string{"sh", "-c", buildNodes, "build"}, nodes...)).
		Directory("/out")
}

// nodeImage puts a node's binary into an image of its own: no shell, no package, no root. Fixed
// timestamps make the digest a function of the content.
func (m *Omninode) nodeImage(node, version string, binary *dagger.File) *dagger.Container {
	root := dag.Directory().
		WithFile(nodeMain, binary, dagger.DirectoryWithFileOpts{Permissions: 0o755}).
		WithFile(caBundle, m.from(golangImage).File(caBundle)).
		WithTimestamps(1)
	return dag.Container().
		WithRootfs(root).
		WithUser(nodeUser).
		WithEntrypoint([]string{nodeMain}).
		WithExposedPort(nodePort, dagger.ContainerWithExposedPortOpts{ExperimentalSkipHealthcheck: true}).
		WithLabel("org.opencontainers.image.title", node).
		WithLabel("org.opencontainers.image.version", version).
		WithLabel("org.opencontainers.image.source", "https://github.com/omninode-ai/omninode")
}

// nodeImages compiles the nodes and returns an image for each, with its reference.
func (m *Omninode) nodeImages(ctx context.Context, nodes []string) (map[string]*dagger.Container, map[string]string, error) {
	binaries := m.binaries(nodes)
	images, refs := map[string]*dagger.Container{}, map[string]string{}
	for _, node := range nodes {
		contract, err := m.Source.File("nodes/" + node + "/contract.yaml").Contents(ctx)
		if err != nil {
			return nil, nil, explain("read the contract", node, err)
		}
		version, err := image.ContractVersion(contract)
		if err != nil {
			return nil, nil, explain("read the contract", node, err)
		}
		images[node] = m.nodeImage(node, version, binaries.File(node))
		refs[node] = "omninode/" + node + ":" + version
	}
	if _, err := binaries.Sync(ctx); err != nil {
		return nil, nil, explain("compile the nodes", "build", err)
	}
	return images, refs, nil
}

// tarballs writes the images of the nodes as OCI tarballs, with images.json that lists them.
func (m *Omninode) tarballs(ctx context.Context, nodes []string) (*dagger.Directory, error) {
	images, refs, err := m.nodeImages(ctx, nodes)
	if err != nil {
		return nil, err
	}
	out := dag.Directory()
	var index image.Index
	for _, node := range nodes {
		tarball := images[node].AsTarball()
		entry, err := m.describe(ctx, node, refs[node], tarball)
		if err != nil {
			return nil, err
		}
		index.Images = append(index.Images, entry)
		out = out.WithFile(node+".tar", tarball)
	}
	list, err := index.JSON()
	if err != nil {
		return nil, err
	}
	return out.WithNewFile("images.json", list), nil
}

// describe reads the digest of a tarball's manifest; it is never computed here, only read.
func (m *Omninode) describe(ctx context.Context, node, ref string, tarball *dagger.File) (image.Entry, error) {
	step := fmt.Sprintf("read the digest of %s", ref)
	index, err := m.from(golangImage).
		WithMountedFile("/image.tar", tarball).
		WithExec([]string{"tar", "-xOf", "/image.tar", "index.json"}).
		Stdout(ctx)
	if err != nil {
		return image.Entry{}, explain(step, node, err)
	}
	digest, err := image.ManifestDigest(index)
	if err != nil {
		return image.Entry{}, explain(step, node, err)
	}
	size, err := tarball.Size(ctx)
	if err != nil {
		return image.Entry{}, explain(step, node, err)
	}
	return image.Entry{Node: node, Ref: ref, Digest: digest, Size: int64(size)}, nil
}

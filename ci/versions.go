package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/ci/image"
	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// The images of the pipeline, by exact tag; images.lock pins them by digest.
const (
	golangImage   = "golang:1.26-bookworm"
	vaultImage    = "hashicorp/vault:1.21.0"
	consulImage   = "hashicorp/consul:1.21.0"
	kafkaImage    = "apache/kafka:4.1.1"
	postgresImage = "postgres:17.5"
)

//go:embed images.lock
var lockFile string

// allImages lists the images above.
func allImages() []string {
	return []string{golangImage, vaultImage, consulImage, kafkaImage, postgresImage}
}

// pinned returns an image with the digest that pins it, or as it is if none does.
func (m *Omninode) pinned(ref string) string {
	for _, pinned := range m.Images {
		if strings.HasPrefix(pinned, ref+"@") {
			return pinned
		}
	}
	return ref
}

// from starts a container from one of the images above.
func (m *Omninode) from(ref string) *dagger.Container {
	return dag.Container().From(m.pinned(ref))
}

// List the images the pipeline runs on, with the digests that pin them.
func (m *Omninode) Versions() string {
	var b strings.Builder
	for _, ref := range allImages() {
		b.WriteString(m.pinned(ref) + "\n")
	}
	return b.String()
}

// Ask the registry for the digests of all images; the answer is the content of ci/images.lock.
func (m *Omninode) Lock(ctx context.Context) (*dagger.File, error) {
	var b strings.Builder
	for _, line := range strings.Split(lockFile, "\n") {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line + "\n")
		}
	}
	for _, ref := range allImages() {
		pulled, err := dag.Container().From(ref).ImageRef(ctx)
		if err != nil {
			return nil, explain("pull", ref, err)
		}
		digest, err := image.Digest(pulled)
		if err != nil {
			return nil, explain("pull", ref, err)
		}
		fmt.Fprintf(&b, "%s %s\n", ref, digest)
	}
	return dag.File("images.lock", b.String()), nil
}

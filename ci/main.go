// OmniNode's pipeline: from contracts to images that were proven on real Vault, Consul, Kafka and
// Postgres.
//
//	dagger call e-2-e                           everything, and the verdict on its last line
//	dagger call e-2-e --cases=list              what there is to prove
//	dagger call e-2-e --break=vault             proof that it can fail, and names the culprit
//	dagger call report -o out/report            JUnit, logs, timings and digests of the last run
//	dagger call versions                        the images all of this runs on
//	dagger call stack up                        the four backends on this machine's ports
//	dagger call build -o out/images             one image tarball per node
//	dagger call deploy --env=prod -o out/prod   images by digest, Kubernetes manifests, plan
//
// The CLI derives e-2-e from the method E2E: it puts a dash at each border of letter and digit.
// Services, images and caches stay inside the engine; nothing is left on the machine but what -o
// writes. `dagger call -i …` opens a shell where an exec failed.
package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/ci/image"
	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// Omninode is the pipeline of one source tree.
type Omninode struct {
	// +private
	Source *dagger.Directory
	// Images that are pinned, as "<image>@<digest>".
	// +private
	Images []string
}

// New takes the source to work on. It starts no container, because every call pays for it.
func New(
	ctx context.Context,
	// Repository to work on.
	// +defaultPath="/"
	// +ignore=["*", "!go.mod", "!go.sum", "!catalogue", "!cmd", "!codegen", "!contract", "!dialect", "!e2e", "!env", "!internal", "!migrations", "!nodes", "!onex", "!templates", "**/testdata", "**/*_test.go", "!nodes/**/*_test.go", "**/.env", "env/*/local.env"]
	source *dagger.Directory,
	// Digests of the images, instead of ci/images.lock.
	// +optional
	lock *dagger.File,
) (*Omninode, error) {
	text := lockFile
	if lock != nil {
		var err error
		if text, err = lock.Contents(ctx); err != nil {
			return nil, explain("read", "images.lock", err)
		}
	}
	images, err := image.ParseLock(text)
	if err != nil {
		return nil, fmt.Errorf("images.lock: %w", err)
	}
	return &Omninode{Source: source, Images: images}, nil
}

// nodes lists the nodes of the fleet: the folders that hold a contract.
func (m *Omninode) nodes(ctx context.Context) ([]string, error) {
	files, err := m.Source.Glob(ctx, "nodes/*/contract.yaml")
	if err != nil {
		return nil, explain("list the nodes", "source", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("source: no nodes/*/contract.yaml in it (step: list the nodes)")
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.Split(f, "/")[1]
	}
	return names, nil
}

package main

import (
	"context"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// Plan a deployment: images by digest, Kubernetes manifests and a plan to read.
//
// It plans only; with --apply it says why it cannot apply, and fails.
func (m *Omninode) Deploy(
	ctx context.Context,
	// Environment to deploy to: dev or prod.
	env string,
	// Apply the plan.
	// +optional
	apply bool,
	// Configuration of kubectl that leads to the cluster, as in file://$HOME/.kube/config.
	// +optional
	kubeconfig *dagger.Secret,
) (*dagger.Directory, error) {
	images, err := m.Build(ctx)
	if err != nil {
		return nil, err
	}
	c := m.tool().
		WithMountedDirectory("/src/nodes", m.contracts()).
		WithMountedDirectory("/src/env", m.Source.Directory("env")).
		WithMountedFile("/src/images.json", images.File("images.json"))
	if kubeconfig != nil {
		c = c.WithMountedSecret("/run/kubeconfig", kubeconfig).WithEnvVariable("KUBECONFIG", "/run/kubeconfig")
	}
	// The folder the documentation exports to, so that what is printed here is true there.
	out := "out/" + env
	args := []string{"omninode", "deploy", "--env", env, "--images", "images.json", "--out", out}
	if apply {
		args = append(args, "--apply")
	}
	c = c.WithExec(args)
	if _, err := c.Sync(ctx); err != nil {
		f := explain("deploy to "+env, "deploy", err)
		f.Next = "dagger call deploy --env=" + env + " -o " + out
		return nil, f
	}
	return c.Directory("/src/"+out).WithDirectory("images", images), nil
}

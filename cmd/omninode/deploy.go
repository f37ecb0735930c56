package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/manifest"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/migrations"
)

const (
	codeDeployInput = "ONEX_DEPLOY_001_INPUT"
	codeNoCluster   = "ONEX_DEPLOY_002_NO_CLUSTER"
	codeNoApply     = "ONEX_DEPLOY_003_APPLY_UNAVAILABLE"
)

// deployment is what the flags of deploy say.
type deployment struct {
	env, images, values, out string
	apply                    bool
}

func newDeployCommand(a *app) *cobra.Command {
	var d deployment
	c := &cobra.Command{
		Use:   "deploy --env dev|prod --images FILE",
		Short: "render Kubernetes manifests and a plan to read",
		Long: "deploy derives Kubernetes manifests from the contracts, the digests of the images and the values in\n" +
			"env/<environment>/kubernetes.yaml, checks them strictly and writes them beside a plan that says what\n" +
			"would change. It plans only: this version applies nothing, kubectl does.",
		Example: "  omninode deploy --env prod --images out/images/images.json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.deploy(c, d) },
	}
	c.Flags().StringVar(&d.env, "env", "", "dev or prod (required)")
	c.Flags().StringVar(&d.images, "images", filepath.Join("out", "images", "images.json"), "digests of the images, as the pipeline's build writes them")
	c.Flags().StringVar(&d.values, "values", "", "where and how the nodes run (default env/<environment>/kubernetes.yaml)")
	c.Flags().StringVar(&d.out, "out", "", "folder to write to (default out/deploy/<environment>)")
	c.Flags().BoolVar(&d.apply, "apply", false, "apply the plan (not available in this version)")
	_ = c.MarkFlagRequired("env")
	return c
}

// environment returns the full name of an environment.
func environment(name string) (string, bool) {
	switch name {
	case "dev", "development":
		return "development", true
	case "prod", "production":
		return "production", true
	default:
		return "", false
	}
}

func (a *app) deploy(c *cobra.Command, d deployment) error {
	env, ok := environment(d.env)
	if !ok {
		return usage(c, fmt.Errorf("--env %q: dev and prod are known", d.env))
	}
	d.values = cmp.Or(d.values, filepath.Join("env", env, "kubernetes.yaml"))
	d.out = cmp.Or(d.out, filepath.Join("out", "deploy", env))
	rendered, err := a.renderDeployment(env, d)
	if err != nil {
		return err
	}
	if err := a.writeDeployment(env, d.out, rendered); err != nil {
		return err
	}
	if d.apply {
		return a.refuseApply(c.Context(), d.out)
	}
	return nil
}

// renderDeployment reads everything a deployment is derived from and renders it in memory.
func (a *app) renderDeployment(env string, d deployment) (*manifest.Deployment, error) {
	fleet, err := a.fleet()
	if err != nil {
		return nil, err
	}
	images, err := parseFile(d.images, manifest.ParseImages, "dagger call build -o out/images, or name the file with --images")
	if err != nil {
		return nil, err
	}
	values, err := parseFile(d.values, manifest.ParseValues, "name the file with --values")
	if err != nil {
		return nil, err
	}
	rendered, err := manifest.Render(manifest.Input{Environment: env, Fleet: fleet, Images: images, Values: values})
	if ie, ok := errors.AsType[*manifest.InputError](err); ok {
		return nil, mistake(codeDeployInput, ie, fmt.Sprintf("correct %s or %s", d.values, d.images))
	}
	return rendered, err
}

// parseFile reads and parses one input of a deployment.
func parseFile[T any](name string, parse func([]byte) (T, error), remedy string) (T, error) {
	var zero T
	src, err := os.ReadFile(name)
	if err != nil {
		return zero, mistake(codeUnreadable, err, remedy)
	}
	v, err := parse(src)
	if err != nil {
		return zero, mistake(codeDeployInput, fmt.Errorf("%s: %w", name, err), "correct the file")
	}
	return v, nil
}

// writeDeployment writes manifests and plan and prints the plan.
func (a *app) writeDeployment(env, out string, d *manifest.Deployment) error {
	files, err := manifest.ReadFiles(out)
	if err != nil {
		return lacking(codeUnreadable, err, "make "+out+" readable, or choose another folder with --out")
	}
	previous, err := manifest.ParsePrevious(files)
	if err != nil {
		return mistake(codeDeployInput, fmt.Errorf("previous manifests in %s: %w", out, err), "remove that folder, or choose another one with --out")
	}
	names, err := a.migrationNames()
	if err != nil {
		return err
	}
	plan := manifest.Plan(d, manifest.PlanOptions{Environment: env, Previous: previous, Migrations: names})
	if err := manifest.Write(out, d.Files, plan); err != nil {
		return unwritable(out, err)
	}
	_, _ = a.stdout.Write(plan)
	fmt.Fprintf(a.stderr, "written: %d manifests to %s and %s\n", len(d.Files), filepath.Join(out, manifest.Folder), filepath.Join(out, manifest.PlanFile))
	return nil
}

// migrationNames lists what has to be applied to the database, in order.
func (a *app) migrationNames() ([]string, error) {
	own, err := provision.OwnMigrations(a.nodes)
	if err != nil {
		return nil, mistake(codeMigrate, err, "name the file like 00001_charge.sql")
	}
	type set struct {
		schema string
		files  fs.FS
	}
	sets := []set{{migrations.FleetSchema, migrations.Fleet()}, {"each node's", migrations.Node()}}
	for _, node := range slices.Sorted(maps.Keys(own)) {
		sets = append(sets, set{provision.Schema(node), own[node].Files})
	}
	var names []string
	for _, set := range sets {
		found, err := fs.Glob(set.files, "*.sql")
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		for _, name := range found {
			names = append(names, fmt.Sprintf("schema %s: %s", set.schema, strings.TrimSuffix(name, ".sql")))
		}
	}
	return names, nil
}

// refuseApply says why nothing is applied: there is no cluster, or this version cannot.
func (a *app) refuseApply(ctx context.Context, out string) error {
	server, err := a.cluster(ctx)
	if err != nil {
		return lacking(codeNoCluster, fmt.Errorf("nothing was applied: %w", err), "make a cluster reachable through KUBECONFIG; the plan is in "+out)
	}
	return lacking(codeNoApply, fmt.Errorf("nothing was applied: this version only plans, although %s answers", server),
		"read "+filepath.Join(out, manifest.PlanFile)+", then: kubectl apply -f "+filepath.Join(out, manifest.Folder))
}

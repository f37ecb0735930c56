package manifest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// PlanOptions is what a plan says beyond the deployment itself.
type PlanOptions struct {
	Environment string
	Previous    Previous
	Migrations  []string // names of the migrations that have to be applied before
}

// Plan describes a deployment for a person: what runs, what changes compared with the previous
// manifests, and what has to exist before. It is Markdown and reads as plain text too.
func Plan(d *Deployment, o PlanOptions) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Plan: %s\n\n%d nodes. Nothing has been applied.\n", o.Environment, len(d.Nodes))
	planImages(&b, d, o)
	planConfig(&b, d, o)
	planSecrets(&b, d)
	planTopics(&b, d)
	planMigrations(&b, o)
	planNext(&b)
	return b.Bytes()
}

func planImages(w io.Writer, d *Deployment, o PlanOptions) {
	fmt.Fprint(w, "\n## Images, by digest\n\n| node | kind | version | replicas | image | size | change |\n|---|---|---|---|---|---|---|\n")
	for _, n := range d.Nodes {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n",
			n.Contract.Node, n.Contract.Kind, n.Contract.Version, instances(n), n.Image, bytesText(n.Image.Size), imageChange(n, o.Previous))
	}
	for _, gone := range goneNodes(d, o.Previous) {
		fmt.Fprintf(w, "| %s | | | 0 | | | removed; delete its objects by hand |\n", gone)
	}
}

// instances says how many run.
func instances(n Node) string {
	if n.Most == n.Replicas {
		return strconv.Itoa(int(n.Replicas))
	}
	return fmt.Sprintf("%d to %d above %d %% CPU", n.Replicas, n.Most, n.Contract.Scaling.CPU)
}

func imageChange(n Node, p Previous) string {
	old, ok := p[n.Contract.Node]
	switch {
	case !ok:
		return "new"
	case old.Image == n.Image.String():
		return "unchanged"
	default:
		return "was " + old.Image
	}
}

func goneNodes(d *Deployment, p Previous) []string {
	var gone []string
	for node := range p {
		if !slices.ContainsFunc(d.Nodes, func(n Node) bool { return n.Contract.Node == node }) {
			gone = append(gone, node)
		}
	}
	slices.Sort(gone)
	return gone
}

func planConfig(w io.Writer, d *Deployment, o PlanOptions) {
	fmt.Fprint(w, "\n## Changes of configuration\n\n")
	any := false
	for _, n := range d.Nodes {
		old, known := o.Previous[n.Contract.Node]
		for _, c := range changes(old.Config, n.Config) {
			if !known && !c.added {
				continue
			}
			any = true
			fmt.Fprintf(w, "- %s: %s\n", n.Contract.Node, c)
		}
	}
	if !any {
		fmt.Fprintln(w, "None.")
	}
}

// String describes a change the way a diff does.
func (c change) String() string {
	switch {
	case c.added:
		return fmt.Sprintf("+ %s=%s", c.key, c.after)
	case c.removed:
		return fmt.Sprintf("- %s=%s", c.key, c.before)
	default:
		return fmt.Sprintf("~ %s: %s → %s", c.key, c.before, c.after)
	}
}

func planSecrets(w io.Writer, d *Deployment) {
	fmt.Fprint(w, "\n## Secrets and policies\n\nValues are in Vault only. Each node opens its own path with its AppRole, whose secret id is key\n`secret_id` of the Kubernetes secret named here.\n\n"+
		"| node | Vault path | fields and credentials | AppRole and policy | Kubernetes secret |\n|---|---|---|---|---|\n")
	for _, n := range d.Nodes {
		v := contract.Derive(n.Contract).Vault
		fmt.Fprintf(w, "| %s | %s/%s | %s | %s | %s |\n",
			n.Contract.Node, v.Mount, v.Path, strings.Join(append(v.Fields, v.Credentials...), ", "), v.Role, n.Contract.Node+approleSuffix)
	}
}

func planTopics(w io.Writer, d *Deployment) {
	fmt.Fprint(w, "\n## Topics\n\nTheir owners create them at start. One that exists is left as it is, and its owner's log says what differs.\n\n"+
		"| topic | partitions | kept | produced by | consumed by |\n|---|---|---|---|---|\n")
	for _, t := range topics(d) {
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s |\n", t.name, t.partitions, kept(t), orOutside(t.producers), orOutside(t.consumers))
	}
}

func kept(t topicUse) string {
	switch {
	case t.compacted:
		return "the last of each key"
	case t.retention == 0:
		return "as the cluster does"
	}
	return t.retention.String()
}

func orOutside(nodes []string) string {
	if len(nodes) == 0 {
		return "outside the fleet"
	}
	return strings.Join(nodes, ", ")
}

func planMigrations(w io.Writer, o PlanOptions) {
	fmt.Fprint(w, "\n## Migrations\n\nNodes check their schema at start and never migrate: apply these first, with `omninode migrate up`.\n\n")
	for _, m := range o.Migrations {
		fmt.Fprintf(w, "- %s\n", m)
	}
}

func planNext(w io.Writer) {
	fmt.Fprintf(w, "\n## Next, in the folder of this plan\n\n```\nkubectl apply -f %[1]s/namespace.yaml\nkubectl diff -f %[1]s\nkubectl apply -f %[1]s\n```\n", Folder)
}

// bytesText renders a size in MiB.
func bytesText(n int64) string {
	if n == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

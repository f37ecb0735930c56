// Package manifest turns a fleet into what a Kubernetes cluster is told to run: typed manifests, one
// file per node, and a plan that a person reads before anything is applied.
//
// It stands at the end of the flow, beside ci/: contracts say what a node needs, images.json which
// image holds it, env/<environment>/kubernetes.yaml where it runs. The package renders and writes
// files; it never talks to a cluster and never sees a secret's value.
package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// Input is everything a deployment is derived from.
type Input struct {
	Environment string // "development" or "production"
	Fleet       *contract.Fleet
	Images      Images
	Values      Values
}

// Deployment is the rendered result. Rendering is deterministic: the same input gives the same bytes.
type Deployment struct {
	Nodes []Node // sorted by name
	Files []File // sorted by path, relative to the output folder
}

// Node is one node of a deployment, as the plan shows it.
type Node struct {
	Contract *contract.Contract
	Image    Image
	Replicas int32             // at least
	Most     int32             // at most
	Config   map[string]string // the node's ConfigMap
}

// File is one file of the output folder.
type File struct {
	Path    string
	Content []byte
}

// Render derives the manifests of every node of the fleet. All that is missing or contradictory is
// reported at once.
func Render(in Input) (*Deployment, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	d := &Deployment{}
	namespace, err := encode([]any{in.namespace()})
	if err != nil {
		return nil, err
	}
	d.Files = append(d.Files, File{Path: path.Join(Folder, "namespace.yaml"), Content: namespace})
	for _, c := range sorted(in.Fleet.Contracts) {
		n := in.node(c)
		content, err := encode(in.objects(n))
		if err != nil {
			return nil, fmt.Errorf("render manifests of node %q: %w", c.Node, err)
		}
		d.Nodes = append(d.Nodes, n)
		d.Files = append(d.Files, File{Path: path.Join(Folder, c.Node+".yaml"), Content: content})
	}
	slices.SortFunc(d.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return d, nil
}

// node gathers what the manifests of c are made of.
func (in Input) node(c *contract.Contract) Node {
	image, _ := in.Images.Of(c.Node)
	image.Ref = in.Values.image(image.Ref)
	return Node{
		Contract: c, Image: image,
		Replicas: in.Values.sizing(c).Replicas, Most: in.Values.most(c),
		Config: in.Values.config(c),
	}
}

// An InputError lists everything that keeps a deployment from being rendered.
type InputError struct {
	Problems []string
}

func (e *InputError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0]
	}
	return fmt.Sprintf("%d problems:\n  - %s", len(e.Problems), strings.Join(e.Problems, "\n  - "))
}

// check compares images and values with the contracts, in both directions.
func (in Input) check() error {
	var problems []string
	for _, c := range sorted(in.Fleet.Contracts) {
		if _, ok := in.Images.Of(c.Node); !ok {
			problems = append(problems, fmt.Sprintf("images: node %q has no image", c.Node))
		}
		problems = append(problems, in.Values.checkNode(c)...)
	}
	for _, i := range in.Images.Images {
		if in.Fleet.Contract(i.Node) == nil {
			problems = append(problems, fmt.Sprintf("images: %q is not a node of the fleet", i.Node))
		}
	}
	problems = append(problems, in.Values.checkNames(in.Fleet)...)
	if len(problems) > 0 {
		return &InputError{Problems: problems}
	}
	return nil
}

func sorted(cs []*contract.Contract) []*contract.Contract {
	return slices.SortedFunc(slices.Values(cs), func(a, b *contract.Contract) int {
		return strings.Compare(a.Node, b.Node)
	})
}

package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Previous is what an earlier deployment said about each node.
type Previous map[string]PreviousNode

// PreviousNode is one node of an earlier deployment.
type PreviousNode struct {
	Image  string
	Config map[string]string
}

// ParsePrevious reads earlier manifests, as ReadFiles returns them.
func ParsePrevious(files []File) (Previous, error) {
	p := Previous{}
	for _, f := range files {
		r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(f.Content)))
		for {
			doc, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if err := p.add(doc); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (p Previous) add(doc []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "ConfigMap":
		var o corev1.ConfigMap
		if err := yaml.UnmarshalStrict(doc, &o); err != nil {
			return err
		}
		n := p[o.Labels[labelName]]
		n.Config = o.Data
		p[o.Labels[labelName]] = n
	case "Deployment":
		var o appsv1.Deployment
		if err := yaml.UnmarshalStrict(doc, &o); err != nil {
			return err
		}
		n := p[o.Name]
		for _, c := range o.Spec.Template.Spec.Containers {
			n.Image = c.Image
		}
		p[o.Name] = n
	}
	return nil
}

// A change is one key of a configuration that differs.
type change struct {
	key, before, after string
	added, removed     bool
}

// changes compares two configurations, sorted by key.
func changes(before, after map[string]string) []change {
	var cs []change
	for _, k := range slices.Sorted(maps.Keys(after)) {
		old, ok := before[k]
		if !ok {
			cs = append(cs, change{key: k, after: after[k], added: true})
		} else if old != after[k] {
			cs = append(cs, change{key: k, before: old, after: after[k]})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[k]; !ok {
			cs = append(cs, change{key: k, before: before[k], removed: true})
		}
	}
	return cs
}

package manifest

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/omninode-ai/omninode/contract"
)

// sized renders the deployment of counter with the contract's scaling and resources and the values of
// the environment.
func sized(t *testing.T, scaling *contract.Scaling, resources *contract.Resources, own Sizing) (*appsv1.Deployment, bool, error) {
	t.Helper()
	in := setup(t)
	c := in.Fleet.Contract("counter")
	c.Scaling, c.Resources = scaling, resources
	in.Values.Nodes["counter"] = NodeValues{Sizing: own}
	if err := in.check(); err != nil {
		return nil, false, err
	}
	n := in.node(c)
	return in.deployment(n), in.autoscaler(n) != nil, nil
}

// TestSizing: the environment's value of a node comes before the contract, and that before defaults.
func TestSizing(t *testing.T) {
	t.Parallel()
	resources := &contract.Resources{CPU: "250m", Memory: "100Mi"}
	for _, tt := range []struct {
		name      string
		scaling   *contract.Scaling
		resources *contract.Resources
		own       Sizing
		want      string // replicas cpu memory limit GOMEMLIMIT
		scaled    bool
	}{
		{"defaults", nil, nil, Sizing{}, "2 50m 64Mi 128Mi 117964KiB", false},
		{"resources", nil, resources, Sizing{}, "2 250m 100Mi 100Mi 92160KiB", false},
		{"fixed scaling", &contract.Scaling{Min: 3, Max: 3}, nil, Sizing{}, "3 50m 64Mi 128Mi 117964KiB", false},
		{"scaling", &contract.Scaling{Min: 2, Max: 6, CPU: 70}, nil, Sizing{}, "- 50m 64Mi 128Mi 117964KiB", true},
		{"a small environment", &contract.Scaling{Min: 3, Max: 3}, resources, Sizing{Replicas: 1, CPU: "10m", Memory: "32Mi"}, "1 10m 32Mi 100Mi 92160KiB", false},
		{"all instances", &contract.Scaling{Min: 2, Max: 6, CPU: 70}, nil, Sizing{Replicas: 6}, "6 50m 64Mi 128Mi 117964KiB", false},
	} {
		d, scaled, err := sized(t, tt.scaling, tt.resources, tt.own)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := said(d); got != tt.want || scaled != tt.scaled {
			t.Errorf("%s: %q, scaled %t; want %q, %t", tt.name, got, scaled, tt.want, tt.scaled)
		}
	}
}

func said(d *appsv1.Deployment) string {
	c := d.Spec.Template.Spec.Containers[0]
	words := []string{"-"}
	if d.Spec.Replicas != nil {
		words[0] = string('0' + rune(*d.Spec.Replicas))
	}
	words = append(words, c.Resources.Requests.Cpu().String(), c.Resources.Requests.Memory().String(), c.Resources.Limits.Memory().String())
	for _, e := range c.Env {
		if e.Name == "GOMEMLIMIT" {
			words = append(words, e.Value)
		}
	}
	return strings.Join(words, " ")
}

func TestSizingRefuses(t *testing.T) {
	t.Parallel()
	for want, own := range map[string]Sizing{
		"nodes.counter.replicas is 7; the contract scales to 6 at most":          {Replicas: 7},
		"nodes.counter: memory 200Mi is above memory_limit 64Mi":                 {Memory: "200Mi"},
		"nodes.counter.replicas is negative":                                     {Replicas: -1},
		"nodes.counter.memory_limit \"much\": quantities must match the regular": {MemoryLimit: "much"},
	} {
		_, _, err := sized(t, &contract.Scaling{Min: 2, Max: 6, CPU: 70}, &contract.Resources{CPU: "1", Memory: "64Mi"}, own)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", own, err, want)
		}
	}
}

package manifest

import (
	"cmp"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/omninode-ai/omninode/contract"
)

// sizing returns a node's sizing with every default filled in.
func (v Values) sizing(c *contract.Contract) Sizing {
	n, own := v.Nodes[c.Node], Sizing{}
	if r := c.Resources; r != nil {
		own = Sizing{CPU: r.CPU, Memory: r.Memory, MemoryLimit: r.Memory}
	}
	if c.Scaling != nil {
		own.Replicas = int32(c.Scaling.Min)
	}
	return Sizing{
		Replicas:    cmp.Or(n.Replicas, own.Replicas, v.Defaults.Replicas, 1),
		CPU:         cmp.Or(n.CPU, own.CPU, v.Defaults.CPU, "50m"),
		Memory:      cmp.Or(n.Memory, own.Memory, v.Defaults.Memory, "64Mi"),
		MemoryLimit: cmp.Or(n.MemoryLimit, own.MemoryLimit, v.Defaults.MemoryLimit, "128Mi"),
	}
}

// most returns how many instances of a node run under load.
func (v Values) most(c *contract.Contract) int32 {
	if c.Scaling == nil || c.Scaling.CPU == 0 {
		return v.sizing(c).Replicas
	}
	return int32(c.Scaling.Max)
}

// checkSizing reports what a cluster would refuse, and more instances than the contract allows.
func (v Values) checkSizing(c *contract.Contract) []string {
	var problems []string
	s := v.sizing(c)
	parsed := map[string]resource.Quantity{}
	for _, q := range []struct{ key, text string }{{"cpu", s.CPU}, {"memory", s.Memory}, {"memory_limit", s.MemoryLimit}} {
		quantity, err := resource.ParseQuantity(q.text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("values: nodes.%s.%s %q: %v", c.Node, q.key, q.text, err))
			continue
		}
		parsed[q.key] = quantity
	}
	memory, limit := parsed["memory"], parsed["memory_limit"]
	if len(problems) == 0 && memory.Cmp(limit) > 0 {
		problems = append(problems, fmt.Sprintf("values: nodes.%s: memory %s is above memory_limit %s", c.Node, s.Memory, s.MemoryLimit))
	}
	switch {
	case s.Replicas < 0:
		problems = append(problems, fmt.Sprintf("values: nodes.%s.replicas is negative", c.Node))
	case c.Scaling != nil && s.Replicas > int32(c.Scaling.Max):
		problems = append(problems, fmt.Sprintf("values: nodes.%s.replicas is %d; the contract scales to %d at most", c.Node, s.Replicas, c.Scaling.Max))
	}
	return problems
}

// requirements returns what an instance is granted.
func (s Sizing) requirements() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse(s.CPU),
			corev1.ResourceMemory: resource.MustParse(s.Memory),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(s.MemoryLimit)},
	}
}

// goMemoryLimit is where Go's collector begins to work harder: 90 % of what the cluster allows, since
// not all memory is the collector's.
func (s Sizing) goMemoryLimit() string {
	limit := resource.MustParse(s.MemoryLimit)
	return fmt.Sprintf("%dKiB", limit.Value()/10*9/1024)
}

// autoscaler adds and removes instances by their load; nil if their number is fixed.
func (in Input) autoscaler(n Node) *autoscalingv2.HorizontalPodAutoscaler {
	if n.Most == n.Replicas {
		return nil
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: in.meta(n, ""),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: n.Contract.Node},
			MinReplicas:    new(n.Replicas), MaxReplicas: n.Most,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name: corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{
						Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(n.Contract.Scaling.CPU)),
					},
				},
			}},
		},
	}
}

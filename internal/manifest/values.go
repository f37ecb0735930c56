package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/omninode-ai/omninode/contract"
)

// Values says where a fleet runs: env/<environment>/kubernetes.yaml.
type Values struct {
	Namespace string `json:"namespace"`
	// Registry is put in front of every image, e.g. images.example.com/shop; "" pulls them as named.
	Registry string `json:"registry,omitempty"`
	// Environment holds the runtime's own variables (ONEX_KAFKA_BROKERS, CONSUL_HTTP_ADDR, VAULT_ADDR …),
	// the same for every node.
	Environment map[string]string `json:"environment"`
	Defaults    Sizing            `json:"defaults"`
	// Nodes overrides per node; a node that needs nothing is left out.
	Nodes map[string]NodeValues `json:"nodes,omitempty"`
}

// Sizing says how many instances of a node run and what each is given. A value of the node comes
// before the contract's resources and scaling, and those before the defaults of the environment.
type Sizing struct {
	Replicas    int32  `json:"replicas,omitempty"`     // at least; default 1
	CPU         string `json:"cpu,omitempty"`          // requested, default 50m
	Memory      string `json:"memory,omitempty"`       // requested, default 64Mi
	MemoryLimit string `json:"memory_limit,omitempty"` // default 128Mi, with resources their memory
}

// NodeValues is what one node has of its own.
type NodeValues struct {
	Sizing `json:",inline"`
	Config map[string]string `json:"config,omitempty"` // values of the contract's settings by key
}

// ParseValues reads values strictly: an unknown or duplicate key is an error.
func ParseValues(src []byte) (Values, error) {
	var v Values
	if err := yaml.UnmarshalStrict(src, &v); err != nil {
		return Values{}, fmt.Errorf("decode values: %w", err)
	}
	return v, nil
}

func (v Values) image(ref string) string {
	if v.Registry == "" {
		return ref
	}
	return strings.TrimSuffix(v.Registry, "/") + "/" + ref
}

// config returns the environment variables of a node that are no secrets: the runtime's, the role
// that opens its secrets, and the values of its settings that differ from the contract's defaults.
func (v Values) config(c *contract.Contract) map[string]string {
	env := maps.Clone(v.Environment)
	if env == nil {
		env = map[string]string{}
	}
	env["VAULT_ROLE_ID"] = contract.Derive(c).Vault.Role
	env["VAULT_SECRET_ID_FILE"] = secretIDFile
	for _, s := range c.Settings {
		if value, ok := v.Nodes[c.Node].Config[s.Key]; ok {
			env[contract.Env(c.Node, s.Key)] = value
		}
	}
	return env
}

// required are the runtime's variables without which no node starts.
func required() []string { return []string{"CONSUL_HTTP_ADDR", "ONEX_KAFKA_BROKERS", "VAULT_ADDR"} }

// reserved are the variables that the manifests set themselves.
func reserved() []string {
	return []string{
		"GOMEMLIMIT", "ONEX_ADVERTISE_ADDR", "ONEX_HTTP_ADDR", "ONEX_INSTANCE",
		"VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE",
		"VAULT_ROLE", "VAULT_TOKEN", "VAULT_TOKEN_FILE", // a node has one login only
	}
}

// checkNames reports what is wrong with v apart from single nodes of the fleet.
func (v Values) checkNames(f *contract.Fleet) []string {
	var problems []string
	if bad := validation.IsDNS1123Label(v.Namespace); len(bad) > 0 {
		problems = append(problems, fmt.Sprintf("values: namespace %q: %s", v.Namespace, bad[0]))
	}
	for _, name := range required() {
		if v.Environment[name] == "" {
			problems = append(problems, fmt.Sprintf("values: environment.%s is missing", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Environment)) {
		if slices.Contains(reserved(), name) {
			problems = append(problems, fmt.Sprintf("values: environment.%s is set by the manifests", name))
		}
		if isSecret(f, name) {
			problems = append(problems, fmt.Sprintf("values: environment.%s is a secret; it belongs into Vault", name))
		}
	}
	for _, node := range slices.Sorted(maps.Keys(v.Nodes)) {
		if f.Contract(node) == nil {
			problems = append(problems, fmt.Sprintf("values: nodes.%s is not a node of the fleet", node))
		}
	}
	return problems
}

// isSecret reports whether an environment variable holds a secret of any node.
func isSecret(f *contract.Fleet, name string) bool {
	return slices.ContainsFunc(f.Contracts, func(c *contract.Contract) bool {
		return slices.ContainsFunc(contract.Derive(c).Environment, func(v contract.Variable) bool {
			return v.Secret && v.Name == name
		})
	})
}

// checkNode compares the values of one node with its contract.
func (v Values) checkNode(c *contract.Contract) []string {
	var problems []string
	given := v.Nodes[c.Node].Config
	known := map[string]bool{}
	for _, s := range c.Settings {
		known[s.Key] = true
		if _, ok := given[s.Key]; !ok && s.Default == nil {
			problems = append(problems, fmt.Sprintf("values: nodes.%s.config.%s is missing; the contract has no default", c.Node, s.Key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !known[key] {
			problems = append(problems, fmt.Sprintf("values: nodes.%s.config.%s is not in the contract", c.Node, key))
		}
	}
	return append(problems, v.checkSizing(c)...)
}

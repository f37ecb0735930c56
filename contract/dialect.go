package contract

import "go.yaml.in/yaml/v4"

// Document reads one YAML document under the limits of a contract, for those who read another
// language as strictly as this one. The node is nil if there are diagnostics.
func Document(file string, src []byte) (*yaml.Node, Diagnostics) {
	p := grammar{}.newParser(file, src)
	if root := p.document(src); root != nil {
		return root.node, nil
	}
	return nil, p.problems.list()
}

// ReservedNode says whose name a node may not take, "" if it is free.
func ReservedNode(name string) string { return reservedNode(name) }

package onex

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/internal/nearest"
)

// unknown is a variable that begins as those of a node do and is none of them.
type unknown struct {
	name, node string
	meant      string // the variable of the node that it may be a misspelling of, or ""
}

// warnUnknown tells of variables that nobody will read.
func (v variables) warnUnknown(ctx context.Context, log *slog.Logger, nodes []Node) {
	for _, u := range unknownVariables(v.names, nodes) {
		log.WarnContext(ctx, "variable is set and is none of the node's: nobody reads it", "node", u.node, "variable", u.name, "did_you_mean", u.meant)
	}
}

// unknownVariables judges the names of variables by the nodes of a process.
func unknownVariables(names []string, nodes []Node) []unknown {
	var list []unknown
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		owner, ok := ownerOf(name, nodes)
		if !ok || ofKubernetes(strings.TrimPrefix(name, envPrefix(owner.Name))) {
			continue
		}
		known := knownVariables(owner)
		if !slices.Contains(known, name) {
			list = append(list, unknown{name, owner.Name, nearest.Of(name, known)})
		}
	}
	return list
}

// ownerOf returns the node whose prefix a variable has; the longest one, since order and order-sync may both fit.
func ownerOf(name string, nodes []Node) (owner Node, ok bool) {
	for _, n := range nodes {
		if strings.HasPrefix(name, envPrefix(n.Name)) && len(n.Name) > len(owner.Name) {
			owner, ok = n, true
		}
	}
	return owner, ok
}

func knownVariables(n Node) []string {
	known := []string{envPrefix(n.Name) + "DATABASE_URL"}
	for _, s := range n.Settings {
		known = append(known, s.Env)
	}
	for _, f := range n.Flags {
		known = append(known, f.Env)
	}
	return known
}

// ofKubernetes reports whether the rest of a name is one that Kubernetes gives every container for a service of the
// node's name.
func ofKubernetes(rest string) bool {
	return strings.HasPrefix(rest, "SERVICE_") || rest == "PORT" || strings.HasPrefix(rest, "PORT_")
}

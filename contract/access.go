package contract

import (
	"slices"
	"strings"
)

// grant is a node that access names.
type grant struct {
	message string // own name, without version
	node    string
	at      Pos
}

// readAccess reads which nodes may use a message.
func (p *parser) readAccess(it *item, message string) []string {
	var nodes []string
	for _, e := range p.list(it) {
		node, ok := p.text(e)
		switch {
		case !ok:
		case !e.form.fits(node):
			p.badName(e, node, "a node", "lower-case words joined by hyphens, at most 48 characters, e.g. order-sync")
		case slices.Contains(nodes, node):
			p.report(e.at, ruleDuplicate, "remove it", "node %q is named twice", node).edit(p.removeElement(e)...)
		case node == p.contract.Node:
			p.report(e.at, ruleContradiction, "remove it", "node %q owns %s: it needs no access", node, message).edit(p.removeElement(e)...)
		default:
			nodes = append(nodes, node)
			p.grants = append(p.grants, grant{message, node, e.at})
		}
	}
	slices.Sort(nodes)
	return nodes
}

// checkAccess reports uses of messages by nodes their owner does not name, and names of nodes that
// make no use of what they are granted.
func (l *linker) checkAccess() {
	used := map[grant]bool{}
	for _, p := range l.parsers {
		for _, u := range p.uses {
			m, node := l.real[u.message], p.contract.Node
			used[grant{message: m.Ref.Name, node: node, at: Pos{File: m.Ref.Node}}] = true
			if m.Access != nil && !slices.Contains(m.Access, node) {
				p.report(u.pos, ruleAccessDenied, "add "+node+" to the access of "+m.Ref.Name+" in "+l.nodes[m.Ref.Node].file+", or remove this use",
					"%s may be used by %s only (%s:%d)", m.Ref, strings.Join(m.Access, ", "), m.Pos.File, m.Pos.Line).see(m.Pos, "%s is declared here", m.Ref)
			}
		}
	}
	for _, p := range l.parsers {
		for _, g := range p.grants {
			if !used[grant{message: g.message, node: g.node, at: Pos{File: p.contract.Node}}] {
				p.report(g.at, ruleUnusedAccess, p.orDeclare(g.node, l.users(p.contract.Node, g.message), "remove it"),
					"node %q makes no use of %s", g.node, g.message)
			}
		}
	}
}

// users lists the nodes that refer to a message and are not granted it.
func (l *linker) users(owner, message string) []string {
	var nodes []string
	for _, p := range l.parsers {
		for _, u := range p.uses {
			m := l.real[u.message]
			if m.Ref.Node == owner && m.Ref.Name == message && !slices.Contains(m.Access, p.contract.Node) {
				nodes = append(nodes, p.contract.Node)
			}
		}
	}
	return nodes
}

package contract

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/onex/event"
)

// className is how messages call a class.
func className(c event.Class) string {
	if c == event.Command {
		return "command"
	}
	return "event"
}

// readMessages reads the node's own commands or events.
func (p *parser) readMessages(it *item, class event.Class) {
	s := p.section(it, className(class)+"s")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		if !p.keyName(e, article(className(class))) {
			p.lost = true
			continue
		}
		p.readVersions(e, class)
	}
	slices.SortFunc(p.contract.Messages, func(a, b *Message) int { return a.Ref.Compare(b.Ref) })
}

// readVersions reads what all versions of a message share and then each of them.
func (p *parser) readVersions(it *item, class event.Class) {
	what := className(class) + " " + it.key
	s := p.section(it, what)
	if s.broken {
		p.lost = true
		return
	}
	shared := Message{Class: class, Owner: p.contract, External: p.flag(s.get("external")), Description: p.description(s.get("description"))}
	shared.Access = p.readAccess(s.get("access"), it.key)
	p.claim(scopeMessage, it.key, what, it.at)
	versions := s.family("vN")
	var upcasts []pendingUpcast
	for _, v := range versions {
		m := shared
		p.homes[&m] = it
		if up := p.readMessage(v, it.key, &m); up != nil {
			upcasts = append(upcasts, pendingUpcast{up, &m})
		}
	}
	p.readUpcasts(upcasts)
	if len(versions) == 0 {
		p.report(it.at, ruleMissingKey, s.row.key("vN").Fix, "%s has no version", what)
	}
	s.done()
}

// readMessage reads one version and returns its upcast, which needs the others.
func (p *parser) readMessage(it *item, name string, m *Message) *item {
	version, _ := strconv.Atoi(it.key[1:]) // versionPattern holds
	m.Ref = event.Ref{Node: p.contract.Node, Name: name, Version: version}
	m.Pos = it.at
	what := className(m.Class) + " " + m.Ref.Local()
	p.claim(scopeMethod, MethodName(p.contract.Node, m.Ref), what, it.at)
	p.contract.Messages = append(p.contract.Messages, m)
	p.messages[m.Ref.Local()] = m

	s := p.section(it, what)
	key := s.get("key")
	p.noteKey(key)
	m.Data = p.typeOf(s.get("data"))
	m.Key = p.keyProperty(key, m.Data)
	m.Partitions = DefaultPartitions
	if n, ok := p.integer(s.get("partitions")); ok {
		m.Partitions = n
	}
	m.Retention, _ = p.duration(s.get("retention"))
	upcast := s.get("upcast")
	s.done()
	return upcast
}

// MethodName returns what code of a node calls a message: OrderPricedV1 for its own,
// PaymentCardChargedV1 for one of another node.
func MethodName(node string, r event.Ref) string {
	name := GoName(r.Name) + "V" + itoa(r.Version)
	if r.Node == node {
		return name
	}
	return GoName(r.Node) + name
}

// keyProperty reads the name of a property that may be a record's key: required text that is never
// empty.
func (p *parser) keyProperty(it *item, t *Type) string {
	name, ok := p.text(it)
	if !ok || t == nil {
		return name
	}
	p.checkKeyProperty(it, name, t)
	return name
}

func (p *parser) checkKeyProperty(it *item, name string, t *Type) {
	why, fix := unfitKey(name, t)
	if why == "" {
		return
	}
	if fix == "" {
		fix = p.orDeclare(name, propertyNames(t), "name a property of "+t.Name)
	}
	p.report(p.pos(it.node), ruleKeyProperty, fix, "%s %q %s", it.key, name, why).see(t.Pos, "type %s is declared here", t.Name)
}

// unfitKey says why a property cannot be a key, "" if it can.
func unfitKey(name string, t *Type) (why, fix string) {
	prop := t.property(name)
	switch {
	case prop == nil:
		return "is no property of type " + t.Name, ""
	case prop.Schema == nil:
		return "", "" // reported where it is declared
	case prop.Schema.Type != "string":
		return "is no text in type " + t.Name, "name a property of type string"
	case !prop.Required:
		return "is optional in type " + t.Name, "add it to required"
	case prop.Schema.mayBeEmpty():
		return "may be empty in type " + t.Name, "add format: uuid or minLength: 1 to the property"
	}
	return "", ""
}

// property returns a property of t by name, or nil.
func (t *Type) property(name string) *Property {
	i, found := slices.BinarySearchFunc(t.Schema.Properties, name, func(p *Property, n string) int { return cmp.Compare(p.Name, n) })
	if !found {
		return nil
	}
	return t.Schema.Properties[i]
}

func propertyNames(t *Type) []string {
	names := make([]string, 0, len(t.Schema.Properties))
	for _, p := range t.Schema.Properties {
		names = append(names, p.Name)
	}
	return names
}

// role says which messages may stand at a place of the contract.
type role struct {
	verb    string      // what the node does with it there, e.g. "handles"
	own     event.Class // class of own messages; "": none
	foreign event.Class // class of other nodes' messages; "": none
}

// The roles of messages.
func handles() role    { return role{"handles", event.Command, event.Event} }
func emits() role      { return role{"emits", event.Event, ""} }
func sends() role      { return role{"sends", "", event.Command} }
func awaits() role     { return role{"waits for", "", event.Event} }
func ticks() role      { return role{"sends by the clock", event.Command, ""} }
func startsWith() role { return role{"starts with", event.Command, ""} }
func endsWith() role   { return role{"ends with", event.Event, ""} }

func (r role) String() string {
	var allowed []string
	if r.own != "" {
		allowed = append(allowed, "its own "+className(r.own)+"s")
	}
	if r.foreign != "" {
		allowed = append(allowed, "other nodes' "+className(r.foreign)+"s")
	}
	return "a node " + r.verb + " " + strings.Join(allowed, " and ")
}

// message reads a reference as the text of a value.
func (p *parser) message(it *item, r role) *Message {
	text, ok := p.text(it)
	if !ok {
		return nil
	}
	return p.resolve(text, p.pos(it.node), r)
}

// messageList reads a list of references without repetition.
func (p *parser) messageList(it *item, r role) []*Message {
	var list []*Message
	for _, e := range p.list(it) {
		m := p.message(e, r)
		switch {
		case m == nil:
		case slices.Contains(list, m):
			p.report(e.at, ruleDuplicate, "remove it", "%q names %s twice", it.key, p.local(m)).edit(p.removeElement(e)...)
		default:
			list = append(list, m)
		}
	}
	return list
}

// local returns how this contract refers to m.
func (p *parser) local(m *Message) string { return localRef(p.contract.Node, m.Ref) }

func localRef(node string, r event.Ref) string {
	if r.Node == node {
		return r.Local()
	}
	return r.String()
}

// resolve finds the message that text refers to, or a stub of another node's.
func (p *parser) resolve(text string, at Pos, r role) *Message {
	node, local, foreign := strings.Cut(text, "/")
	if !foreign {
		node, local = "x", text
	}
	ref, err := event.ParseRef(node + "/" + local)
	switch {
	case err != nil:
		p.report(at, ruleBadReference, p.guess(text, r, "write name.vN, or node/name.vN for another node's"),
			"%q is no reference to a message", text)
		return nil
	case foreign && ref.Node == p.contract.Node:
		p.meant[p.messages[ref.Local()]] = true
		p.report(at, ruleBadReference, "write "+ref.Local(), "%q names this node itself", text).edit(p.replace(at, ref.Local())...)
		return nil
	case foreign:
		return p.resolveForeign(ref, at, r)
	}
	ref.Node = p.contract.Node
	return p.resolveOwn(ref, at, r)
}

func (p *parser) resolveForeign(ref event.Ref, at Pos, r role) *Message {
	if r.foreign == "" {
		p.report(at, ruleWrongMessage, "name a message of this node", "%s belongs to %s, but %s", ref, ref.Node, r)
		return nil
	}
	id := foreignID{ref, r.foreign}
	m := p.foreign[id]
	if m == nil {
		m = &Message{Ref: ref, Class: r.foreign, Pos: at}
		p.foreign[id] = m
		if p.foreign[id.otherClass()] == nil {
			p.claim(scopeMethod, MethodName(p.contract.Node, ref), ref.String(), at)
		}
	}
	p.uses = append(p.uses, use{m, r, at})
	return m
}

func (p *parser) resolveOwn(ref event.Ref, at Pos, r role) *Message {
	local := ref.Local()
	m := p.messages[local]
	switch {
	case m == nil:
		p.reportUndeclared(ref, at, r)
		return nil
	case m.ReplacedBy != nil:
		p.meant[m.replacement()] = true
		p.reportReplaced(at, m)
		return nil
	case r.own == "":
		p.report(at, ruleWrongMessage, "name a message of another node", "%s is this node's own, but %s", local, r).see(m.Pos, "%s is declared here", local)
		return nil
	case r.own != m.Class:
		p.report(at, ruleWrongMessage, p.guess(local, r, "name "+article(className(r.own))),
			"%s is %s, but %s", local, article(className(m.Class)), r).see(m.Pos, "%s is declared here", local)
		return nil
	}
	return m
}

// reportUndeclared reports a reference to an own message that there is not.
func (p *parser) reportUndeclared(ref event.Ref, at Pos, r role) {
	class := r.own
	if class == "" {
		p.report(at, ruleUnknownMessage, "name a message of another node", "this node has no message %s, and %s", ref.Local(), r)
		return
	}
	otherwise, edits := p.declareMessage(ref, class)
	d := p.report(at, ruleUnknownMessage, p.guess(ref.Local(), r, otherwise), "this node has no %s %s", className(class), ref.Local())
	if len(d.Edits) == 0 {
		d.paste(edits)
	}
}

// reportReplaced reports a use of a version that another one replaced.
func (p *parser) reportReplaced(at Pos, m *Message) {
	now := p.local(m.replacement())
	p.report(at, ruleReplaced, "use "+now+": its handlers get the records of both", "%s was replaced by %s", p.local(m), now).
		see(m.ReplacedBy.Upcast.Pos, "%s takes its place", m.ReplacedBy.Ref.Local())
}

func article(noun string) string {
	if strings.HasPrefix(noun, "e") {
		return "an " + noun
	}
	return "a " + noun
}

// guess offers the own message that text probably means, else what to do.
func (p *parser) guess(text string, r role, otherwise string) string {
	near := p.nearest(text, p.candidates(r))
	if near == "" {
		return otherwise
	}
	p.meant[p.messages[near]] = true
	return didYouMean(near)
}

// candidates returns the own messages that may stand in a role, none if nobody will read them.
func (p *parser) candidates(r role) []string {
	var refs []string
	if p.problems.full() {
		return nil
	}
	for _, m := range p.contract.Messages {
		if m.Class == r.own {
			refs = append(refs, m.Ref.Local())
		}
	}
	return refs
}

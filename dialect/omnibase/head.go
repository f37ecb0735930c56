package omnibase

import (
	"regexp"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// readHead reads what identifies a node. The diagnostics say why the source is no node.
func (d *draft) readHead() contract.Diagnostics {
	root := d.at
	name := root.first("name", "node_name", "contract_name", "node")
	if len(words(name.text())) == 0 {
		return d.src.problem(or(name, root), "the node has no name", "add name: node_<what it does>_<kind>")
	}
	d.name = bareName(name.text())
	if contract.ReservedNode(d.name) != "" {
		d.name += "-node"
	}
	name.carry("node")
	for _, key := range []string{"node_name", "contract_name", "node_id"} {
		if v := root.get(key); v != name && bareName(v.text()) == bareName(name.text()) {
			v.follow(name, "the node's name")
		}
	}
	kind, ds := d.readKind()
	d.kind = kind
	d.readVersion()
	d.readDescription()
	d.readCapabilities()
	return ds
}

// bareName makes the name of a node: without node_, which all of them have.
func bareName(s string) string {
	list := words(s)
	if len(list) > 1 && list[0] == "node" {
		list = list[1:]
	}
	return joined(list, "-", "node", event.MaxNameLength-4)
}

func or(v, otherwise *value) *value {
	if v == nil {
		return otherwise
	}
	return v
}

func (d *draft) readKind() (contract.Kind, contract.Diagnostics) {
	root := d.at
	at := root.first("node_type", "node_archetype", "archetype", "kind")
	if at == nil {
		at = root.get("descriptor", "node_archetype")
	}
	if at == nil {
		return "", d.src.problem(root, "the node has no node_type", "add node_type: COMPUTE_GENERIC, EFFECT_GENERIC, REDUCER_GENERIC or ORCHESTRATOR_GENERIC")
	}
	kind, ok := kindOf(at.text())
	if !ok {
		return "", d.src.problem(at, "its node_type is none of the four kinds", "write compute, effect, reducer or orchestrator, with or without _GENERIC")
	}
	at.carry("kind")
	if v := root.get("descriptor", "node_archetype"); v != nil {
		if k, _ := kindOf(v.text()); k == kind {
			v.follow(at, "the node's kind")
		}
	}
	if v := root.get("descriptor", "purity"); v != nil {
		d.readPurity(v, kind)
	}
	return kind, nil
}

func (d *draft) readPurity(v *value, kind contract.Kind) {
	pure := strings.EqualFold(v.text(), "pure")
	if pure == (kind == contract.Compute || kind == contract.Reducer) {
		v.follow(nil, "a node of kind %s is so", kind)
		return
	}
	v.refuse("change the kind: a compute node is pure, an effect touches the world", "it contradicts node_type %s", kind)
}

// kindOf reads the kinds of the dialect, whatever their suffix.
func kindOf(s string) (contract.Kind, bool) {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "_")
	switch word {
	case "compute":
		return contract.Compute, true
	case "effect", "service", "query":
		return contract.Effect, true
	case "reducer":
		return contract.Reducer, true
	case "orchestrator", "workflow":
		return contract.Orchestrator, true
	}
	return "", false
}

var semver = regexp.MustCompile(`^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$`)

// readVersion takes node_version, else contract_version: this language has one version per node.
func (d *draft) readVersion() {
	var from *value
	for _, key := range []string{"node_version", "contract_version", "version"} {
		v := d.at.get(key)
		version, ok := versionOf(v)
		switch {
		case v == nil:
		case !ok:
			v.refuse("write MAJOR.MINOR.PATCH", "it is no semantic version")
		case from == nil:
			d.version, from = version, v
			v.carry("version")
		case version == d.version:
			d.sameVersion(v, from)
		default:
			v.refuse("raise the node's version when its contract changes", "a node has one version, and %s says %s", from.path, d.version)
		}
	}
	if from == nil {
		d.src.assume("%s: version 0.0.0, because the source has none", d.name)
	}
}

func (d *draft) sameVersion(v, from *value) {
	for _, part := range []string{"major", "minor", "patch"} {
		if v.isMap() && from.isMap() {
			v.get(part).follow(from.get(part), "the node's version")
		}
	}
	v.follow(from, "the node's version")
}

// versionOf reads 1.2.3 or {major: 1, minor: 2, patch: 3}.
func versionOf(v *value) (string, bool) {
	text := v.text()
	if v.isMap() {
		text = v.get("major").text() + "." + v.get("minor").text() + "." + v.get("patch").text()
	}
	return text, semver.MatchString(text)
}

func (d *draft) readDescription() {
	v := d.at.get("description")
	d.description = line(v.text())
	if d.description != "" {
		v.carry("description")
	}
	other := d.at.get("metadata", "description")
	switch o := line(other.text()); {
	case o == "":
	case d.description == "":
		d.description = o
		other.carry("description")
	case o == d.description:
		other.follow(v, "the node's description")
	}
}

// maxText is what a description of a contract may have.
const maxText = 2000

// line makes one line of printable text.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText-1]) + "…"
	}
	return s
}

func (d *draft) readCapabilities() {
	taken := map[string]*value{}
	add := func(at *value, text string) {
		name := capability(text)
		if first := taken[name]; first != nil {
			at.follow(first, "the capability is named already")
			return
		}
		taken[name] = at
		d.capabilities = append(d.capabilities, name)
		at.carry("capabilities")
	}
	caps := d.at.get("capabilities")
	for _, c := range caps.children() {
		name := c.first("name", "capability", "id")
		switch {
		case name.scalar():
			add(name, name.text())
		case c.scalar() && caps.isList():
			add(c, c.text())
		case c.isTrue():
			add(c, c.name)
		}
	}
	for _, c := range d.at.get("node_capabilities").entries() {
		switch {
		case c.isTrue():
			add(c, c.name)
		case c.isFalse():
			c.follow(nil, "a capability that is absent is not named")
		}
	}
}

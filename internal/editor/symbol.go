package editor

import (
	"path/filepath"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// symbol is something a contract declares and others refer to.
type symbol struct {
	what   string // as forms call it: "a type", "a step"; "a message" for messages
	name   string // as it is referred to within the contract
	file   string
	node   string // the contract's node
	at     *yaml.Node
	class  event.Class // of a message
	detail string
}

var versionPattern = regexp.MustCompile(`^v[1-9][0-9]*$`)

// symbols lists what the contracts of a fleet declare, whether they are valid or not.
func symbols(files map[string][]byte) []symbol {
	var list []symbol
	for file, text := range files {
		list = append(list, declared(file, parse(text))...)
	}
	slices.SortFunc(list, func(a, b symbol) int {
		if a.node != b.node {
			return compare(a.node, b.node)
		}
		return compare(a.name, b.name)
	})
	return list
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// declared lists what one contract declares.
func declared(file string, t tree) []symbol {
	var list []symbol
	name := child(t.root, "node")
	node := name.Value
	if node == "" {
		node, name = filepath.Base(filepath.Dir(file)), t.root
	}
	add := func(what string, at *yaml.Node, detail string) {
		list = append(list, symbol{what: what, name: at.Value, file: file, node: node, at: at, detail: detail})
	}
	list = append(list, symbol{what: "a node", name: node, file: file, node: node, at: name, detail: string(t.kind())})
	for class, section := range map[event.Class]string{event.Command: "commands", event.Event: "events"} {
		entries(child(t.root, section), func(key, versions *yaml.Node) {
			list = append(list, versionsOf(file, node, class, key, versions)...)
		})
	}
	entries(child(t.root, "types"), func(key, value *yaml.Node) {
		add("a type", key, child(value, "description").Value)
		entries(child(value, "properties"), func(k, _ *yaml.Node) { add("a property", k, "of "+key.Value) })
	})
	entries(child(child(t.root, "workflow"), "steps"), func(key, _ *yaml.Node) { add("a step", key, "") })
	entries(child(t.root, "requires"), func(key, value *yaml.Node) { add("a requirement", key, value.Value) })
	for _, transition := range child(child(t.root, "machine"), "transitions").Content {
		for _, state := range slices.Concat(scalars(child(transition, "to")), scalars(child(transition, "from"))) {
			add("a state", state, "")
		}
	}
	return list
}

func versionsOf(file, node string, class event.Class, name, versions *yaml.Node) []symbol {
	var list []symbol
	entries(versions, func(key, value *yaml.Node) {
		if !versionPattern.MatchString(key.Value) {
			return
		}
		detail := "key " + child(value, "key").Value + ", data " + child(value, "data").Value
		if d := child(versions, "description").Value; d != "" {
			detail += "\n\n" + d
		}
		list = append(list, symbol{
			what: "a message", name: name.Value + "." + key.Value, file: file, node: node, at: key, class: class, detail: detail,
		})
	})
	return list
}

// ref returns how a contract of a node refers to a message.
func (s symbol) ref(node string) string {
	if s.node == node {
		return s.name
	}
	return s.node + "/" + s.name
}

// named finds what a spot of a contract refers to.
func named(list []symbol, file string, s spot, node string) (symbol, bool) {
	i := slices.IndexFunc(list, func(sym symbol) bool {
		switch {
		case s.form.Is == contract.FormReference:
			return sym.what == "a message" && sym.ref(node) == s.node.Value
		case s.form.Word == "a node":
			return sym.what == "a node" && sym.name == s.node.Value
		}
		return sym.file == file && sym.what == s.form.Word && sym.name == s.node.Value
	})
	if i < 0 {
		return symbol{}, false
	}
	return list[i], true
}

// fitting lists what may stand at a spot, as it is written there.
func fitting(list []symbol, file string, form contract.Form, node string) []symbol {
	var out []symbol
	for _, sym := range list {
		own := sym.file == file
		switch {
		case form.Is == contract.FormReference && sym.what == "a message":
			if own && sym.class == form.OwnClass || !own && sym.class == form.FarClass {
				sym.name = sym.ref(node)
				out = append(out, sym)
			}
		case form.Is == contract.FormReference, form.Word != sym.what:
		case own != (sym.what == "a node"): // what is the contract's own, or another node
			out = append(out, sym)
		}
	}
	return slices.CompactFunc(out, func(a, b symbol) bool { return a.name == b.name })
}

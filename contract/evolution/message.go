package evolution

import (
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// messages compares the commands and events a node owns, version by version.
func (c *comparer) messages(top place, before, now *contract.Contract) {
	for _, class := range []event.Class{event.Command, event.Event} {
		section := "commands"
		if class == event.Event {
			section = "events"
		}
		compareNamed(c, top.in(section), "message", grouped(before, class), grouped(now, class), named[*name]{
			name:    func(n *name) string { return n.name },
			at:      func(n *name) contract.Pos { return n.versions[0].Pos },
			added:   verdictOf[*name](extends("a new topic")),
			removed: verdictOf[*name](goneMessage(class)),
			both:    c.name,
		})
	}
}

// name is a command or event with its versions, which share what stands beside them.
type name struct {
	name     string
	versions []*contract.Message
}

func grouped(c *contract.Contract, class event.Class) []*name {
	var list []*name
	for _, m := range c.Messages {
		switch {
		case m.Class != class:
		case len(list) > 0 && list[len(list)-1].name == m.Ref.Name:
			list[len(list)-1].versions = append(list[len(list)-1].versions, m)
		default:
			list = append(list, &name{m.Ref.Name, []*contract.Message{m}})
		}
	}
	return list
}

func goneMessage(class event.Class) verdict {
	if class == event.Command {
		return breaks("senders have nobody to send to, and what is on the topic is never handled",
			"keep it until nobody sends it and its topic is empty")
	}
	return breaks("consumers wait for it in vain", "keep it until nobody consumes it")
}

func (c *comparer) name(p place, before, now *name) {
	fields(c, p, before.versions[0], now.versions[0], []field[*contract.Message]{
		{"external", func(m *contract.Message) string { return flag(m.External) }, always(
			adjusts("the fleet check asks for a sender or consumer inside of the fleet, or does so no longer"))},
		{"description", func(m *contract.Message) string { return m.Description }, always(explains())},
	})
	c.access(p.in("access"), before.versions[0].Access, now.versions[0].Access)
	class := now.versions[0].Class
	compareNamed(c, place{p.path, "version", "message.vN", p.old, p.new}, "version", before.versions, now.versions, named[*contract.Message]{
		name:    func(m *contract.Message) string { return "v" + strconv.Itoa(m.Ref.Version) },
		at:      func(m *contract.Message) contract.Pos { return m.Pos },
		show:    func(m *contract.Message) string { return m.Data.Name },
		added:   verdictOf[*contract.Message](extends("a new topic beside those of the other versions")),
		removed: verdictOf[*contract.Message](goneMessage(class)),
		both:    c.version,
	})
}

func (c *comparer) version(p place, before, now *contract.Message) {
	fields(c, p, before, now, []field[*contract.Message]{
		{"key", func(m *contract.Message) string { return m.Key }, always(refuses(
			"records of one key before and after it lie in different partitions, so that their order is lost",
			another(now)))},
		{"data", func(m *contract.Message) string { return m.Data.Name }, always(
			adjusts("the Go type has another name; on the wire nothing shows it"))},
	})
	c.topic(p, before, now)
	c.upcast(p, before, now)
	s := schemas{comparer: c, use: received, message: now, seen: map[[2]*contract.Type]bool{}}
	if now.Class == event.Event {
		s.use = published
	}
	s.named(p.in("data"), before.Data, now.Data)
}

// access compares who may use a message; an empty list is everybody.
func (c *comparer) access(p place, before, now []string) {
	shut := "nodes that use it are refused by the fleet check and by the broker"
	switch {
	case len(before) == 0 && len(now) > 0:
		c.add(p, "", strings.Join(now, ", "), breaks(shut, "name every node that uses it"))
	case len(before) > 0 && len(now) == 0:
		c.add(p, strings.Join(before, ", "), "", extends("every node may use it"))
	default:
		c.set(p, before, now, verdictOf[string](extends("the node may use it")), verdictOf[string](breaks(shut, "keep the node until it makes no use of it")))
	}
}

// topic compares what a version asks of the broker.
func (c *comparer) topic(p place, before, now *contract.Message) {
	fields(c, p, before, now, []field[*contract.Message]{
		{"partitions", func(m *contract.Message) string { return strconv.Itoa(m.Partitions) }, always(refuses(
			"records of one key before and after it lie in different partitions, so that their order is lost",
			another(now)))},
		{"retention", func(m *contract.Message) string { return span(m.Retention) }, func(string, string) verdict {
			return kept(before.Retention, now.Retention)
		}},
	})
}

// upcast compares which version takes the place of this one, and how it does.
func (c *comparer) upcast(p place, before, now *contract.Message) {
	fields(c, p, before, now, []field[*contract.Message]{{"upcast", replacedBy, presence(
		replacing(now.Class),
		breaks("what is left on its topic does not become the later version any more", "keep the upcast until the topic is empty"),
		breaks("its records become another version than before", "add the later version to the chain: upcast from the one before"))}})
	if before.Upcast == nil || now.Upcast == nil {
		return
	}
	p = p.in("upcast").as("upcast")
	other := always(extends("records that are not handled yet become others"))
	fields(c, p, before.Upcast, now.Upcast, []field[*contract.Upcast]{
		{"from", func(u *contract.Upcast) string { return ref(u.From) }, always(breaks(
			"what is left on the old one's topic does not become this version any more", "keep it until the topic is empty"))},
		{"rename", renamed, other},
		{"set", constants, other},
	})
}

// replacing judges a version whose place a later one takes.
func replacing(class event.Class) verdict {
	if class == event.Command {
		return extends("it is handled as the later version; senders in the fleet must send that")
	}
	return breaks("it is not emitted any more, so who consumes it waits in vain", "keep both versions side by side until nobody consumes this one")
}

func replacedBy(m *contract.Message) string {
	if m.ReplacedBy == nil {
		return ""
	}
	return "replaced by v" + strconv.Itoa(m.ReplacedBy.Ref.Version)
}

func renamed(u *contract.Upcast) string {
	var list []string
	for _, c := range u.Carry {
		if c.New != c.Old {
			list = append(list, c.New+": "+c.Old)
		}
	}
	return strings.Join(list, ", ")
}

func constants(u *contract.Upcast) string {
	var list []string
	for _, c := range u.Set {
		list = append(list, c.New+": "+c.Value)
	}
	return strings.Join(list, ", ")
}

// kept judges how long records are kept; 0 is as long as the cluster does.
func kept(before, now time.Duration) verdict {
	switch {
	case before == 0 || now == 0:
		return extends("who decides how long records are kept changes from the cluster to the contract, or back")
	case now < before:
		return breaks("a consumer that was away for longer than "+now.String()+" finds its records gone", "keep it")
	}
	return adjusts("records are kept for longer")
}

// another is the way out of a break in place.
func another(m *contract.Message) string {
	next := m.Ref
	for _, other := range m.Owner.Messages {
		if other.Class == m.Class && other.Ref.Name == m.Ref.Name {
			next.Version = max(next.Version, other.Ref.Version)
		}
	}
	return "restore it, and declare v" + strconv.Itoa(next.Version+1) + " beside v" + strconv.Itoa(m.Ref.Version) + " for the new form"
}

func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}

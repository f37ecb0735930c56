package contract

import (
	"slices"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// FlagPath returns where a node's flag is in Consul's key-value store.
func FlagPath(node, key string) string { return "omninode/flags/" + node + "/" + key }

func (c *Contract) flags() []FlagNames {
	var list []FlagNames
	for _, f := range c.Flags {
		list = append(list, FlagNames{
			Key: f.Key, Default: f.Default, Env: FlagEnv(c.Node, f.Key), Path: FlagPath(c.Node, f.Key), Description: f.Description,
		})
	}
	return list
}

func (c *Contract) ticks() []Ticks {
	var list []Ticks
	for _, s := range c.Schedules {
		when := schedule.Schedule{Cron: s.Cron, Every: s.Every}.Spec()
		list = append(list, Ticks{Name: s.Name, When: when, Message: s.Send.Ref.String(), Data: string(s.Data)})
	}
	return list
}

func (c *Contract) checked() []string {
	var list []string
	for _, h := range c.Health {
		list = append(list, h.Requirement)
	}
	return list
}

// CredentialsPath returns where Vault makes credentials for a role of its database engine.
func CredentialsPath(role string) string { return "database/creds/" + role }

func (c *Contract) credentials() []string {
	var list []string
	for _, s := range c.Secrets {
		if s.DatabaseRole != "" {
			list = append(list, CredentialsPath(s.DatabaseRole))
		}
	}
	return list
}

// acls lists what the node does in Kafka, and nothing else: it reads its inputs as a group, writes
// its outputs, the dead letters of its inputs and its snapshots, reads which dead letters to handle once
// more, and creates the topics it owns and compares them with
// what it declares. To read or to write includes to describe.
func (c *Contract) acls() []ACL {
	l := &rights{principal: "User:" + c.Node, node: c.Node}
	l.add("READ", "group:"+event.Group(c.Node))
	if c.Kind == Compute {
		l.add("WRITE", "transactional-id:"+event.Group(c.Node)+".*")
	}
	for _, m := range c.Inputs() {
		l.topic("READ", m)
		dead := event.DeadLetterTopic(c.Node, m.Ref).String()
		l.add("WRITE", "topic:"+dead)
		l.add("CREATE", "topic:"+dead)
		l.add("DESCRIBE_CONFIGS", "topic:"+dead)
	}
	if replays := c.replays(); replays != "" {
		l.add("READ", "topic:"+replays)
		l.add("CREATE", "topic:"+replays)
		l.add("DESCRIBE_CONFIGS", "topic:"+replays)
	}
	for _, m := range c.Outputs() {
		l.topic("WRITE", m)
	}
	if s := c.snapshots(); s != "" {
		l.add("WRITE", "topic:"+s)
		l.add("CREATE", "topic:"+s)
		l.add("DESCRIBE_CONFIGS", "topic:"+s)
	}
	for _, m := range c.Messages {
		if m.ReplacedBy != nil && m.Class == event.Event { // others still read it
			l.topic("DESCRIBE", m)
		}
	}
	return l.list
}

// snapshots returns the topic of a reducer's states, "" of other nodes.
func (c *Contract) snapshots() string {
	if c.Kind != Reducer {
		return ""
	}
	return event.SnapshotTopic(c.Node).String()
}

// replays returns the topic of what the node is to handle once more; "" of a node that handles nothing.
func (c *Contract) replays() string {
	if len(c.Inputs()) == 0 {
		return ""
	}
	return event.ReplayTopic(c.Node).String()
}

// rights collects what a node may do.
type rights struct {
	principal, node string
	list            []ACL
}

func (r *rights) add(operation, resource string) {
	acl := ACL{Principal: r.principal, Operation: operation, Resource: resource}
	if !slices.Contains(r.list, acl) {
		r.list = append(r.list, acl)
	}
}

// topic allows an operation on a message's topic and, if the node owns it, to create it and to compare
// it with what the contract declares.
func (r *rights) topic(operation string, m *Message) {
	resource := "topic:" + m.Topic().String()
	r.add(operation, resource)
	if m.Ref.Node != r.node {
		return
	}
	r.add("CREATE", resource)
	r.add("DESCRIBE_CONFIGS", resource)
}

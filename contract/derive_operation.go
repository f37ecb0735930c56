package contract

import "github.com/omninode-ai/omninode/onex/event"

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
// its outputs and the dead letters of its inputs.
func (c *Contract) acls() []ACL {
	var list []ACL
	add := func(operation, resource string) {
		list = append(list, ACL{Principal: "User:" + c.Node, Operation: operation, Resource: resource})
	}
	add("READ", "group:"+event.Group(c.Node))
	for _, m := range c.Inputs() {
		add("READ", "topic:"+m.Topic().String())
	}
	for _, m := range c.Outputs() {
		add("WRITE", "topic:"+m.Topic().String())
	}
	for _, m := range c.Inputs() {
		add("WRITE", "topic:"+event.DeadLetterTopic(c.Node, m.Ref).String())
	}
	return list
}

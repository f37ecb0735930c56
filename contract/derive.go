package contract

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/event"
)

// Derived is everything about a node that follows from its contract and is therefore not written
// there: what omninode show prints.
type Derived struct {
	Node         string   `json:"node"`
	Kind         Kind     `json:"kind"`
	Version      string   `json:"version"`
	Description  string   `json:"description,omitempty"`
	Capabilities []string `json:"capabilities"`
	SHA256       string   `json:"contract_sha256"`

	Package   string `json:"package"`    // Go package, in folder <nodes>/<node>
	Service   string `json:"service"`    // Consul service
	ServiceID string `json:"service_id"` // of one instance
	Group     string `json:"group"`      // Kafka consumer group

	Consumes    []Channel   `json:"consumes"`
	Produces    []Channel   `json:"produces"`
	Snapshots   string      `json:"snapshots,omitempty"` // topic of a reducer's states
	Replays     string      `json:"replays,omitempty"`   // topic of the dead letters it is to handle once more
	Environment []Variable  `json:"environment"`
	Vault       VaultNames  `json:"vault"`
	Database    Database    `json:"database"`
	Metrics     MetricNames `json:"metrics"`

	Flags     []FlagNames `json:"flags,omitempty"`
	Schedules []Ticks     `json:"schedules,omitempty"`
	Health    []string    `json:"health,omitempty"` // requirements that are checked
	Resources *Resources  `json:"resources,omitempty"`
	Scaling   *Scaling    `json:"scaling,omitempty"`
	ACLs      []ACL       `json:"kafka_acls"`
}

// Channel is a message together with the topics it travels on.
type Channel struct {
	Message    string `json:"message"` // node/name.vN
	Class      string `json:"class"`   // command or event
	Type       string `json:"type,omitempty"`
	Key        string `json:"key,omitempty"`
	Topic      string `json:"topic"`
	DeadLetter string `json:"dead_letter,omitempty"` // of what is consumed
	External   bool   `json:"external,omitempty"`

	Description string `json:"description,omitempty"`

	Partitions int      `json:"partitions,omitempty"` // 0: the owner's contract is not known
	Retention  string   `json:"retention,omitempty"`  // "" is the cluster's
	Access     []string `json:"access,omitempty"`     // nodes that may use it; none: every node
}

// FlagNames says how a flag is turned.
type FlagNames struct {
	Key         string `json:"key"`
	Default     bool   `json:"default"`
	Env         string `json:"env"`  // fixes the flag
	Path        string `json:"path"` // in Consul's key-value store
	Description string `json:"description"`
}

// Ticks says when a schedule sends what.
type Ticks struct {
	Name    string `json:"name"`
	When    string `json:"when"` // "cron 0 3 * * *" or "every 1h0m0s", in UTC
	Message string `json:"message"`
	Data    string `json:"data"` // each tick fills the message's key if it is not here
}

// ACL is one right of the node's principal in Kafka.
type ACL struct {
	Principal string `json:"principal"`
	Operation string `json:"operation"`
	Resource  string `json:"resource"` // topic:NAME, group:NAME or transactional-id:NAME, a final * is a prefix
}

// Variable is an environment variable that can provide a value.
type Variable struct {
	Name        string  `json:"name"`
	Key         string  `json:"key"`
	Type        string  `json:"type"`
	Secret      bool    `json:"secret"`
	Default     *string `json:"default,omitempty"` // without one the value is required
	Description string  `json:"description,omitempty"`
}

// VaultNames says where the node's secrets are and who may read them.
type VaultNames struct {
	Mount       string   `json:"mount"` // KV version 2
	Path        string   `json:"path"`
	Fields      []string `json:"fields"`
	Credentials []string `json:"credentials,omitempty"` // paths of dynamic database credentials
	Role        string   `json:"role"`                  // AppRole
	Policy      string   `json:"policy"`
}

// Database names the node's part of the database.
type Database struct {
	Schema string `json:"schema"`
	Role   string `json:"role"`
}

// MetricNames says how to find the node's metrics.
type MetricNames struct {
	Prefix string            `json:"prefix"`
	Labels map[string]string `json:"labels"`
}

// databaseURL is the secret that every node has besides its contract's.
const databaseURL = "database_url"

// Derive returns what follows from c. Payload types and keys of other nodes' messages are empty
// unless c was loaded with its fleet.
func Derive(c *Contract) Derived {
	return Derived{
		Node: c.Node, Kind: c.Kind, Version: c.Version, Description: c.Description,
		Capabilities: orEmpty(c.Capabilities), SHA256: c.SHA256,
		Package: Package(c.Node), Service: c.Node, ServiceID: c.Node + "-<instance>", Group: event.Group(c.Node),
		Consumes:    channels(c.Inputs(), func(m *Message) string { return event.DeadLetterTopic(c.Node, m.Ref).String() }),
		Produces:    channels(c.Outputs(), func(*Message) string { return "" }),
		Snapshots:   c.snapshots(),
		Replays:     c.replays(),
		Environment: c.variables(),
		Vault: VaultNames{
			Mount: "secret", Path: "omninode/" + c.Node, Fields: c.secretKeys(), Credentials: c.credentials(),
			Role: "omninode-" + c.Node, Policy: "omninode-" + c.Node,
		},
		Database: Database{Schema: snake(c.Node), Role: snake(c.Node)},
		Metrics:  MetricNames{Prefix: "onex_", Labels: map[string]string{"node": c.Node}},
		Flags:    c.flags(), Schedules: c.ticks(), Health: c.checked(), Resources: c.Resources, Scaling: c.Scaling, ACLs: c.acls(),
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func channels(messages []*Message, deadLetter func(*Message) string) []Channel {
	list := make([]Channel, 0, len(messages))
	for _, m := range messages {
		ch := Channel{
			Message: m.Ref.String(), Class: className(m.Class), Key: m.Key,
			Topic: m.Topic().String(), DeadLetter: deadLetter(m), External: m.External, Description: m.Description,
			Partitions: m.Partitions, Access: m.Access,
		}
		if m.Data != nil {
			ch.Type = m.Data.Name
		}
		if m.Retention > 0 {
			ch.Retention = m.Retention.String()
		}
		list = append(list, ch)
	}
	return list
}

func (c *Contract) variables() []Variable {
	list := make([]Variable, 0, len(c.Settings)+len(c.Secrets)+1)
	for _, s := range c.Settings {
		list = append(list, Variable{
			Name: Env(c.Node, s.Key), Key: s.Key, Type: s.Schema.Type, Default: s.Default, Description: s.Description,
		})
	}
	for _, s := range c.Secrets {
		for _, key := range s.Keys() {
			list = append(list, Variable{Name: Env(c.Node, key), Key: key, Type: "string", Secret: true, Description: s.Description})
		}
	}
	list = append(list, Variable{
		Name: Env(c.Node, databaseURL), Key: databaseURL, Type: "string", Secret: true,
		Description: "Postgres URL of the node's role.",
	})
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (c *Contract) secretKeys() []string {
	keys := []string{databaseURL}
	for _, s := range c.Secrets {
		if s.DatabaseRole == "" {
			keys = append(keys, s.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

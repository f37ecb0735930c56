package contract

import (
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Contract is one validated contract.yaml. Its slices are sorted as documented, so that everything
// derived from it is deterministic. A Contract is immutable after Load.
type Contract struct {
	File   string // as given to Load, for diagnostics
	SHA256 string // hex, of the file's bytes

	Node         string
	Version      string // semantic version of the node
	VersionAt    Pos
	Kind         Kind
	Description  string
	Capabilities []string // sorted

	Messages []*Message // owned commands and events, sorted by Ref
	Handles  []*Handle  // compute and effect: one per input, sorted by Input
	State    *State     // reducer
	Machine  *Machine   // reducer
	Workflow *Workflow  // orchestrator

	Settings []*Setting     // config, sorted by Key
	Secrets  []*Secret      // sorted by Key
	Requires []*Requirement // sorted by Name
	Health   []*Check       // sorted by Requirement
	Flags    []*Flag        // sorted by Key

	Schedules []*Schedule // sorted by Name

	Types []*Type // sorted by Name

	Resources *Resources // nil: what the cluster gives
	Scaling   *Scaling   // nil: one instance

	// Foreign holds the messages of other nodes that this contract refers to, sorted by Ref. It is
	// filled by the fleet check (Load of all contracts together), which resolves every reference.
	Foreign []*Message
}

// Kind says what a node may do and which delivery guarantee it gets.
type Kind string

// The four kinds of nodes.
const (
	Compute      Kind = "compute"      // pure: inputs in, events out
	Effect       Kind = "effect"       // touches the outside world
	Reducer      Kind = "reducer"      // keyed state with a declared machine
	Orchestrator Kind = "orchestrator" // multi-step workflows
)

// Message is one version of a command or an event, owned by the contract that declares it.
type Message struct {
	Ref         event.Ref
	Class       event.Class // event.Event or event.Command
	External    bool        // produced or consumed outside the fleet
	Key         string      // property of Data that is the partition key
	Data        *Type       // payload; an object type of Owner
	Owner       *Contract
	Description string
	Partitions  int           // of the topic
	Retention   time.Duration // of the topic; 0 is the cluster's
	Access      []string      // nodes that may use it, sorted; nil: every node
	Upcast      *Upcast       // how records of an earlier version become records of this one; nil: they do not
	ReplacedBy  *Message      // the version that upcasts from this one: nobody uses this one any more
	Pos         Pos
}

// Upcast says how the payload of one version becomes that of a later one. Every property of the later
// one is carried, set, or optional and absent.
type Upcast struct {
	From  *Message
	Carry []Carried  // by New
	Set   []Constant // by New
	Pos   Pos
}

// Carried is a property that takes the value of an old one, which fits it.
type Carried struct{ New, Old string }

// Constant is a property that the same value is written to, as canonical text.
type Constant struct{ New, Value string }

// DefaultPartitions is how many partitions a topic has whose contract does not say.
const DefaultPartitions = 3

// Topic returns the topic the message travels on.
func (m *Message) Topic() event.Topic { return event.Topic{Class: m.Class, Ref: m.Ref} }

// Handle declares what happens with one input of a compute or effect node.
type Handle struct {
	Input          *Message
	Emits          []*Message    // in the order declared
	IdempotencyKey string        // property of the input's Data; "" is the envelope's id
	Timeout        time.Duration // effect; 0 is the default
	Retry          *Retry        // effect; nil is the default
	Batch          *Batch        // effect; nil: one input at a time
	Breaker        *Breaker      // effect; nil: none
	Pos            Pos
}

// Retry says how often and how soon a failed input of an effect or a reducer is tried again.
type Retry struct {
	Attempts int           // in total, at least 1
	First    time.Duration // delay before the second attempt; doubles from there
	Max      time.Duration // bound of the delay
	Then     string        // "dead_letter" or "halt_key"
}

// Batch says how many inputs of a partition an effect handles by one call.
type Batch struct {
	Size int           // at most, at least 2
	Wait time.Duration // to become full; 0 takes what is there
}

// Breaker says when an effect stops attempts for a while.
type Breaker struct {
	Failures int           // temporary ones in a row that open it
	Open     time.Duration // how long nothing is attempted
}

// State declares the keyed state of a reducer.
type State struct {
	Key  string // property of Data and of each input's payload
	Data *Type
	Pos  Pos
}

// Machine declares the states of a reducer's keys and the inputs that move between them.
type Machine struct {
	Initial     string
	Final       []string // in the order declared
	States      []string // all that occur, initial first, in order of appearance
	Transitions []*Transition
}

// Transition moves a key from one of the states From to To on an input.
type Transition struct {
	Input *Message
	From  []string
	To    string
	Guard string // method that says whether the transition is taken; "": it always is
	Emits []*Message
	Early time.Duration // how long the input waits for a state in From; 0 dead-letters at once
	Then  string        // when the handler fails: "dead_letter", "halt_key" or "", the default
	Pos   Pos
}

// Workflow declares the steps of an orchestrator.
type Workflow struct {
	Start     *Message
	Steps     []*Step // in the order declared
	Completed *Message
	Failed    *Message
}

// Step sends a command and waits for an answer; without Send it only waits, for an answer or for Delay
// to pass.
type Step struct {
	Name    string
	After   []string // names of steps that must have succeeded
	Send    *Message // nil: await only
	Success []*Message
	Failure []*Message
	Undo    *Message      // command that compensates a step which succeeded; nil: none
	Timeout time.Duration // 0: waits without bound
	Delay   time.Duration // the step succeeds once it has passed; 0: it waits for an answer

	// Replaces names steps of earlier versions whose part it takes, in instances that have yet to come to them.
	Replaces []string
	Pos      Pos
}

// Schedule sends one of the node's commands at every tick. Either Cron or Every is set.
type Schedule struct {
	Name  string        // snake_case
	Cron  string        // five fields, UTC
	Every time.Duration // whole seconds; ticks are its multiples
	Send  *Message
	Data  []byte // JSON; lacks the key of Send if each tick fills it
	Pos   Pos
}

// Setting is a configuration value; its Type is a scalar schema.
type Setting struct {
	Key         string // snake_case
	Schema      *Schema
	Default     *string // canonical text; nil: required
	Description string
	Pos         Pos
}

// Env returns the environment variable of a node's setting or secret: PRICING_TAX_PERCENT.
// Names derive from node and key and are the same in .env files and in Kubernetes.
func Env(node, key string) string { return envName(node, key) }

// Secret is a secret the node reads by name; a contract never holds its value.
type Secret struct {
	Key          string // snake_case
	Description  string
	DatabaseRole string // Vault makes a user name and a password for this role; "": a stored value
	Pos          Pos
}

// Keys returns the names of the values the secret consists of: itself, or user name and password.
func (s *Secret) Keys() []string {
	if s.DatabaseRole == "" {
		return []string{s.Key}
	}
	return []string{s.Key + "_username", s.Key + "_password"}
}

// Check says how often a requirement is asked whether it works.
type Check struct {
	Requirement string
	Every       time.Duration
	Timeout     time.Duration // of one check; below Every
	Pos         Pos
}

// DefaultCheckTimeout bounds a check whose contract does not say.
const DefaultCheckTimeout = time.Second

// Flag is a switch that is turned while the node runs.
type Flag struct {
	Key         string // snake_case
	Default     bool
	Description string
	Pos         Pos
}

// FlagEnv returns the environment variable that fixes a node's flag: PRICING_FLAG_NEW_TAX.
func FlagEnv(node, key string) string { return envName(node, "flag_"+key) }

// Resources says what an instance is granted.
type Resources struct {
	CPU    string `json:"cpu"`        // as written: "250m" or "2"
	Memory string `json:"memory"`     // as written: "64Mi"
	Milli  int64  `json:"millicores"` // CPU in thousandths of a core
	Bytes  int64  `json:"bytes"`      // Memory
}

// Scaling says how many instances run. CPU is the load in percent of the granted cores above which
// instances are added; 0 if Min is Max.
type Scaling struct {
	Min int `json:"min"`
	Max int `json:"max"`
	CPU int `json:"cpu,omitempty"`
}

// Requirement is a dependency built by the node's wire.go: a field of Requirements whose type is a
// Go interface of the node's package.
type Requirement struct {
	Name string // snake_case
	Type string // exported Go identifier
	Pos  Pos
}

// Type is a named payload, state or part of one.
type Type struct {
	Name   string // exported Go identifier
	Schema *Schema
	Owner  *Contract
	Pos    Pos
}

// Schema is the subset of JSON Schema that payloads, states and settings may use.
type Schema struct {
	Type        string // object, array, string, integer, number, boolean; "" with Ref
	Ref         *Type  // resolved $ref: a type of the same contract
	Description string

	Properties []*Property // object; sorted by Name
	Items      *Schema     // array
	MinItems   *int
	MaxItems   *int

	Format    string // string: uuid, uri, email, date-time, date, duration
	Enum      []string
	Pattern   string  // string: RE2, matches anywhere unless anchored
	Example   *string // string: declared example; required with Pattern
	MinLength *int
	MaxLength *int

	Minimum *string // integer, number: canonical decimal text
	Maximum *string
}

// Property is one field of an object.
type Property struct {
	Name     string // snake_case
	Required bool
	Schema   *Schema
	Pos      Pos
}

// Pos is a place in a contract file; lines and columns count from 1.
type Pos struct {
	File   string
	Line   int
	Column int
}

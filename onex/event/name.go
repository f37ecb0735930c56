package event

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Ref names one version of a message type: "<node>/<name>.v<N>". The node is an event's producer
// or a command's receiver.
type Ref struct {
	Node    string
	Name    string
	Version int
}

// nameGrammar is the grammar of a node and of a message name: lower-case words joined by single
// hyphens, at most 48 characters, so that every derived name fits where it is used.
const nameGrammar = `[a-z][a-z0-9]*(?:-[a-z0-9]+)*`

// MaxNameLength bounds a node's or a message's name in characters.
const MaxNameLength = 48

var (
	namePattern  = regexp.MustCompile(`^` + nameGrammar + `$`)
	refPattern   = regexp.MustCompile(`^(` + nameGrammar + `)/(` + nameGrammar + `)\.v([1-9][0-9]{0,3})$`)
	topicPattern = regexp.MustCompile(`^onex\.(evt|cmd|dlq|snapshot)\.(` + nameGrammar + `)\.(` + nameGrammar + `)\.v([1-9][0-9]{0,3})$`)
)

// ValidName reports whether s may name a node or a message.
func ValidName(s string) bool { return len(s) <= MaxNameLength && namePattern.MatchString(s) }

// ParseRef parses "<node>/<name>.v<N>".
func ParseRef(s string) (Ref, error) {
	m := refPattern.FindStringSubmatch(s)
	if m == nil {
		return Ref{}, fmt.Errorf("message type %q is not of the form <node>/<name>.v<N>", s)
	}
	if len(m[1]) > MaxNameLength || len(m[2]) > MaxNameLength {
		return Ref{}, fmt.Errorf("message type %q: a name has more than %d characters", s, MaxNameLength)
	}
	v, err := strconv.Atoi(m[3])
	return Ref{Node: m[1], Name: m[2], Version: v}, err
}

// MustRef is ParseRef for generated code, whose refs were validated; it panics on a malformed one.
func MustRef(s string) Ref {
	r, err := ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns "<node>/<name>.v<N>", or "" of the zero Ref.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return r.Node + "/" + r.Local()
}

// Local returns "<name>.v<N>", the way the owner's own contract refers to the message.
func (r Ref) Local() string { return r.Name + ".v" + strconv.Itoa(r.Version) }

// Compare orders refs by node, name and version.
func (r Ref) Compare(o Ref) int {
	if c := strings.Compare(r.Node, o.Node); c != 0 {
		return c
	}
	if c := strings.Compare(r.Name, o.Name); c != 0 {
		return c
	}
	return r.Version - o.Version
}

// Class is the second segment of a topic's name.
type Class string

// The classes of topics.
const (
	Event      Class = "evt"      // owned by its producer
	Command    Class = "cmd"      // owned by its receiver
	DeadLetter Class = "dlq"      // owned by the node that could not handle an input
	Snapshot   Class = "snapshot" // owned by the reducer whose state it holds
)

// Topic is the parsed name of a topic: onex.<class>.<node>.<name>.v<N>. It carries no environment:
// environments are separate clusters.
type Topic struct {
	Class Class
	Ref   Ref
}

// String returns the topic's name.
func (t Topic) String() string {
	return fmt.Sprintf("onex.%s.%s.%s.v%d", t.Class, t.Ref.Node, t.Ref.Name, t.Ref.Version)
}

// ParseTopic parses the name of a topic and refuses every other shape.
func ParseTopic(s string) (Topic, error) {
	m := topicPattern.FindStringSubmatch(s)
	if m == nil {
		return Topic{}, fmt.Errorf("topic %q is not of the form onex.<evt|cmd|dlq|snapshot>.<node>.<name>.v<N>", s)
	}
	v, err := strconv.Atoi(m[4])
	return Topic{Class: Class(m[1]), Ref: Ref{Node: m[2], Name: m[3], Version: v}}, err
}

// DeadLetterTopic returns where consumer puts inputs of type r that it cannot handle. A foreign
// input keeps its owner in the name, so that two producers' events of one name do not meet.
func DeadLetterTopic(consumer string, r Ref) Topic {
	name := r.Name
	if r.Node != consumer {
		name = r.Node + "-" + r.Name
	}
	return Topic{Class: DeadLetter, Ref: Ref{Node: consumer, Name: name, Version: r.Version}}
}

// Group returns the consumer group of a node: one for all its instances, derived from its name
// alone, so that a restart or another instance continues where the group stopped.
func Group(node string) string { return "onex." + node }

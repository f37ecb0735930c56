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

var topicPattern = regexp.MustCompile(`^onex\.(evt|cmd|dlq|snapshot)\.(` + nameGrammar + `)\.(` + nameGrammar + `)\.v([1-9][0-9]{0,3})$`)

// ValidName reports whether s may name a node or a message.
func ValidName(s string) bool { return len(s) <= MaxNameLength && grammatical(s) }

// ParseRef parses "<node>/<name>.v<N>".
func ParseRef(s string) (Ref, error) {
	node, local, slash := strings.Cut(s, "/")
	dot := strings.LastIndex(local, ".v")
	if !slash || dot < 0 || !grammatical(node) || !grammatical(local[:dot]) {
		return Ref{}, malformedRef(s)
	}
	version, ok := parseVersion(local[dot+len(".v"):])
	switch {
	case !ok:
		return Ref{}, malformedRef(s)
	case len(node) > MaxNameLength || dot > MaxNameLength:
		return Ref{}, fmt.Errorf("message type %q: a name has more than %d characters", s, MaxNameLength)
	}
	return Ref{Node: node, Name: local[:dot], Version: version}, nil
}

func malformedRef(s string) error {
	return fmt.Errorf("message type %q is not of the form <node>/<name>.v<N>", s)
}

// grammatical reports whether s matches nameGrammar.
func grammatical(s string) bool {
	word := 0 // characters of the word at hand
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9' && i > 0:
			word++
		case c == '-' && word > 0:
			word = 0
		default:
			return false
		}
	}
	return word > 0
}

// parseVersion reads a number from 1 to 9999 that does not begin with 0.
func parseVersion(s string) (int, bool) {
	if len(s) == 0 || len(s) > 4 || s[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, true
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

// appendTo appends what String returns.
func (r Ref) appendTo(b []byte) []byte {
	if r.IsZero() {
		return b
	}
	b = append(append(b, r.Node...), '/')
	b = append(append(b, r.Name...), ".v"...)
	return strconv.AppendInt(b, int64(r.Version), 10)
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
	Replay     Class = "replay"   // owned by the node that handles its dead letters once more
)

// Topic is the parsed name of a topic: onex.<class>.<node>.<name>.v<N>, or onex.replay.<node>, whose
// Ref has only a node. It carries no environment: environments are separate clusters.
type Topic struct {
	Class Class
	Ref   Ref
}

// String returns the topic's name.
func (t Topic) String() string {
	if t.Class == Replay {
		return replayPrefix + t.Ref.Node
	}
	return "onex." + string(t.Class) + "." + t.Ref.Node + "." + t.Ref.Name + ".v" + strconv.Itoa(t.Ref.Version)
}

// ParseTopic parses the name of a topic and refuses every other shape.
func ParseTopic(s string) (Topic, error) {
	if node, ok := strings.CutPrefix(s, replayPrefix); ok && ValidName(node) {
		return ReplayTopic(node), nil
	}
	m := topicPattern.FindStringSubmatch(s)
	if m == nil {
		return Topic{}, fmt.Errorf("topic %q is not of the form onex.<evt|cmd|dlq|snapshot>.<node>.<name>.v<N> or onex.replay.<node>", s)
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

// SnapshotTopic returns where a reducer puts every new state of its keys: compacted, the topic holds the
// last of each.
func SnapshotTopic(node string) Topic {
	return Topic{Class: Snapshot, Ref: Ref{Node: node, Name: "state", Version: 1}}
}

const replayPrefix = "onex.replay."

// ReplayTopic returns where the dead letters of a node are put that it is to handle once more. No
// other node sees them.
func ReplayTopic(node string) Topic { return Topic{Class: Replay, Ref: Ref{Node: node}} }

// Group returns the consumer group of a node: one for all its instances, derived from its name
// alone, so that a restart or another instance continues where the group stopped.
func Group(node string) string { return "onex." + node }

// Package contract parses and validates contract.yaml, the one file a person writes about a node.
//
// It is the first stage of the flow contract → generated code → running node. Parse and Load read a
// single contract; LoadFleet reads all of them together and resolves what they say about each
// other. Whatever is wrong is reported at once, as Diagnostics with positions and fixes.
//
// The reader is strict: limits on bytes and depth, no aliases, no tags, one document, and no key or
// value without a meaning. The package renders nothing, touches no network and knows nothing about
// the runtime.
package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omninode-ai/omninode/onex/event"
)

// FileName is the name of a contract's file in its node's folder.
const FileName = "contract.yaml"

// Format is the version of the language: the value of the key omninode.
const Format = 1

// Limits of what a contract may be.
const (
	MaxBytes = 256 << 10 // of one file
	MaxDepth = 32        // of nested mappings and lists
)

// Load reads and validates one contract on its own. References to messages of other nodes are
// checked for their form only: such messages have neither Owner nor Data, and Foreign is empty,
// until LoadFleet resolves them. The contract is nil if there are diagnostics.
func Load(file string) (*Contract, Diagnostics) {
	return newGrammar().load(file).result()
}

// Parse is Load for the content of a file; file is used for diagnostics only.
func Parse(file string, src []byte) (*Contract, Diagnostics) {
	return newGrammar().parse(file, src).result()
}

// parser reads one contract. It never stops at the first mistake.
type parser struct {
	file     string
	source   source
	contract *Contract
	grammar  grammar
	problems problems

	nodeAt    Pos                    // of the node's name
	types     map[string]*Type       // by name
	used      map[*Type]bool         // types that something refers to
	lost      bool                   // something that may use types could not be read
	messages  map[string]*Message    // own, by local ref
	lostEmits bool                   // some emits could not be read
	meant     map[*Message]bool      // own messages that a mistaken reference probably means
	foreign   map[foreignID]*Message // stubs of other nodes' messages
	uses      []use                  // every reference to a foreign message
	claims    map[claim]claimant     // what names become, to tell them apart
	compared  int                    // characters compared to find near names
	deferred  []deferred             // checks that need other nodes' messages
	root      *section               // the contract itself
	homes     map[any]*item          // mappings that fixes add to: of own messages and of steps
	lastKey   string                 // property last named as a record's key
	grants    []grant                // every node that access names
	scalingAt Pos                    // of scaling
}

// foreignID tells the stubs of other nodes' messages apart. The class is the one the reference
// needs; the fleet check compares it with the owner's.
type foreignID struct {
	ref   event.Ref
	class event.Class
}

// otherClass returns the stub of the same message in a role that needs the other class: one of the
// two is a mistake.
func (id foreignID) otherClass() foreignID {
	if id.class == event.Event {
		return foreignID{id.ref, event.Command}
	}
	return foreignID{id.ref, event.Event}
}

// use is one reference to a message of another node.
type use struct {
	message *Message
	role    role
	pos     Pos
}

// deferred is a check that needs a message of another node.
type deferred struct {
	stub  *Message
	check func(real *Message)
}

// later leaves a check to the fleet, which runs it once it knows the message behind the stub.
func (p *parser) later(stub *Message, check func(real *Message)) {
	p.deferred = append(p.deferred, deferred{stub, check})
}

func (g grammar) load(file string) *parser {
	src, err := readFile(file)
	if err == nil {
		return g.parse(file, src)
	}
	p := g.newParser(file, nil)
	p.report(p.top(), ruleUnreadable, "check its path and permissions", "the contract cannot be read: %v", err)
	return p
}

// readFile reads at most one byte more than a contract may have, so that neither a device nor a
// huge file can hold it up.
func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, cause(err)
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	return src, cause(err)
}

// cause strips operation and path from a file error: the diagnostic names the file already.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func (g grammar) newParser(file string, src []byte) *parser {
	sum := sha256.Sum256(src)
	return &parser{
		file:     file,
		source:   source{text: src},
		contract: &Contract{File: file, SHA256: hex.EncodeToString(sum[:])},
		grammar:  g,
		types:    map[string]*Type{},
		used:     map[*Type]bool{},
		messages: map[string]*Message{},
		meant:    map[*Message]bool{},
		foreign:  map[foreignID]*Message{},
		claims:   map[claim]claimant{},
		homes:    map[any]*item{},
	}
}

func (g grammar) parse(file string, src []byte) *parser {
	p := g.newParser(file, src)
	if root := p.document(src); root != nil {
		p.read(root)
	}
	return p
}

func (p *parser) result() (*Contract, Diagnostics) {
	if ds := p.problems.list(); len(ds) > 0 {
		return nil, ds
	}
	return p.contract, nil
}

func (p *parser) top() Pos { return Pos{File: p.file, Line: 1, Column: 1} }

// read reads the whole contract. Types come before messages and messages before what refers to
// them, whatever their order in the file.
func (p *parser) read(root *item) {
	root.form = sectionOf("contract")
	s := p.section(root, "the contract")
	p.root = s
	p.readHead(s)
	p.readTypes(s.get("types"))
	p.readMessages(s.get("commands"), event.Command)
	p.readMessages(s.get("events"), event.Event)
	p.readBehaviour(s)
	p.readSettings(s.get("config"))
	p.readSecrets(s.get("secrets"))
	p.readRequirements(s.get("requires"))
	p.readOperation(s)
	p.readSchedules(s.get("schedules"))
	s.done()
	p.checkTypes()
}

func (p *parser) readHead(s *section) {
	p.reserve(scopeType, "generated code", "Config", "Handler", "Requirements", "Node", "Workflow")
	p.integer(s.get("omninode"))
	p.readNode(s.get("node"))
	version := s.get("version")
	if p.contract.Version = p.version(version); version != nil {
		p.contract.VersionAt = p.pos(version.node)
	}
	p.readKind(s.get("kind"))
	p.contract.Description = p.description(s.get("description"))
	p.readCapabilities(s.get("capabilities"))
}

func (p *parser) readKind(it *item) {
	v, ok := p.choice(it)
	if !ok {
		p.lost = true
		return
	}
	p.contract.Kind = Kind(v)
}

// readBehaviour reads the part that says what the node does, which has a different form for each
// kind. The grammar refuses the forms of the other kinds.
func (p *parser) readBehaviour(s *section) {
	handles, state := s.get("handles"), s.get("state")
	machine, workflow := s.get("machine"), s.get("workflow")
	switch p.contract.Kind {
	case Compute, Effect:
		p.readHandles(handles)
	case Reducer:
		p.readState(state)
		p.readMachine(machine)
	case Orchestrator:
		p.readWorkflow(workflow)
	}
}

// misplaced reports a key of the language that has no meaning in a node of this kind.
func (p *parser) misplaced(it *item, r *Refusal) {
	p.report(it.at, ruleMisplacedKey, r.Fix, "%q does not belong into a node of kind %s: %s", it.key, p.contract.Kind, r.Why)
}

// report adds a diagnostic. A fix of the form "did you mean NAME?" is mechanical by itself: NAME
// takes the place of what stands at the position.
func (p *parser) report(at Pos, rule, fix, format string, args ...any) *Diagnostic {
	d := p.problems.add(Diagnostic{Pos: at, Rule: rule, Message: fmt.Sprintf(format, args...), Fix: fix})
	if near, ok := meantBy(fix); ok {
		d.edit(p.replace(at, near)...)
	}
	return d
}

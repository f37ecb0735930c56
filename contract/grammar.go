package contract

import (
	"slices"
	"strings"
)

// Section is a mapping of the language with fixed keys: the contract itself, a handle, a step.
type Section struct {
	Name string // as forms refer to it
	Noun string // as it reads in a sentence: "a handle"
	Keys []Key  // in the order they are explained

	Bonds []Bond // between keys
}

// Key is a key of a section: one row of the grammar.
type Key struct {
	Name string // as written; "vN" stands for every name its Names allow

	// Names is set for a family of keys: those the pattern matches.
	Names *Form
	// Refused says in which kinds of nodes the key is misplaced; everywhere else it may stand.
	Refused []Refusal
	// For lists the types of values the key constrains; nil for keys that constrain none.
	For []string

	Required string // "" if it may be left out, Always, or the condition under which it may not
	Form     Form   // of the value
	Default  string // what holds without the key, in words; "" is: nothing
	Meaning  string // a sentence
	Example  string // a value, as YAML
	Fix      string // what to do about its absence, for keys that are required

	Changes []Artefact // what another value changes
	Test    string     // the test that shows it
}

// Always is Key.Required of a key that may never be left out where it may stand.
const Always = "always"

// Refusal says why a key is misplaced in nodes of some kinds.
type Refusal struct {
	Kinds    []Kind
	Why, Fix string
}

// Artefact is something that follows from a contract. A change of a key's value shows there.
type Artefact string

// The artefacts. Files are relative to the folder of the node.
const (
	ArtefactTypes     Artefact = "types.gen.go"
	ArtefactNode      Artefact = "node.gen.go"
	ArtefactConfig    Artefact = "config.gen.go"
	ArtefactBehaviour Artefact = "behaviour.gen_test.go"
	ArtefactMain      Artefact = "cmd/main.gen.go"
	ArtefactHandler   Artefact = "handler.go"
	ArtefactWire      Artefact = "wire.go"
	ArtefactScaffold  Artefact = "handler_test.go"
	ArtefactShow      Artefact = "omninode show"
	ArtefactCheck     Artefact = "omninode validate"
	ArtefactManifests Artefact = "manifests of omninode deploy"
	ArtefactPolicy    Artefact = "policy in Vault"
)

// Kinds returns the kinds of nodes in which the key may stand.
func (k *Key) Kinds() []Kind {
	return slices.DeleteFunc(kinds(), func(kind Kind) bool { return k.refusal(kind) != nil })
}

// written returns how the key may be written: the first member stands for a family.
func (k *Key) written() string {
	if k.Names == nil {
		return k.Name
	}
	return strings.TrimSuffix(k.Name, "N") + "1"
}

func kinds() []Kind { return []Kind{Compute, Effect, Reducer, Orchestrator} }

// refusal returns why the key may not stand in a node of a kind, nil if it may. A kind that could
// not be read refuses nothing.
func (k *Key) refusal(kind Kind) *Refusal {
	for i := range k.Refused {
		if slices.Contains(k.Refused[i].Kinds, kind) {
			return &k.Refused[i]
		}
	}
	return nil
}

// demanded tells whether the key may not be left out in a node of a kind. What only some kinds have
// is not demanded as long as the kind is unknown.
func (k *Key) demanded(kind Kind) bool {
	return k.Required == Always && k.refusal(kind) == nil && (kind != "" || len(k.Refused) == 0)
}

// Grammar returns the language: every section, the contract itself first. The reader, the JSON
// Schema, the reference and the mutation run work from these rows alone.
func Grammar() []Section {
	return slices.Concat(topGrammar(), messageGrammar(), handleGrammar(), machineGrammar(), workflowGrammar(), scheduleGrammar(),
		settingGrammar(), operationGrammar(), typeGrammar())
}

// grammar is the language indexed by section. Nothing changes it once it is made, so that contracts
// may be read side by side.
type grammar struct {
	sections []Section
	byName   map[string]*Section
}

func newGrammar() grammar {
	g := grammar{sections: Grammar(), byName: map[string]*Section{}}
	for i := range g.sections {
		g.byName[g.sections[i].Name] = &g.sections[i]
	}
	return g
}

// key returns a row, nil if there is none. A nil section has no keys.
func (s *Section) key(name string) *Key {
	if s == nil {
		return nil
	}
	for i := range s.Keys {
		if s.Keys[i].Name == name {
			return &s.Keys[i]
		}
	}
	return nil
}

// home says where a key of the language belongs, "" if there is no such key.
func (g grammar) home(name string) string {
	var homes []string
	for i := range g.sections {
		s := &g.sections[i]
		k := s.key(name)
		if k == nil || k.Names != nil {
			continue
		}
		home := s.Noun
		if len(k.Refused) > 0 && i > 0 {
			home += " of a node of kind " + oneOf(words(k.Kinds()))
		}
		if !slices.Contains(homes, home) {
			homes = append(homes, home)
		}
	}
	if len(homes) == 0 {
		return ""
	}
	return oneOf(homes)
}

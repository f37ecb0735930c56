package contract

import "github.com/omninode-ai/omninode/onex/event"

// FormKind is the shape of a value.
type FormKind string

// The shapes.
const (
	FormText      FormKind = "text"      // printable text, held to Pattern and Max if they are set
	FormLine      FormKind = "line"      // text of one line
	FormChoice    FormKind = "choice"    // one of Words
	FormBoolean   FormKind = "boolean"   // true or false
	FormTrue      FormKind = "true"      // true, or the key is left out
	FormInteger   FormKind = "integer"   // from Low to High
	FormNumber    FormKind = "number"    // of the type of the schema it constrains
	FormScalar    FormKind = "scalar"    // a value of the schema it belongs to
	FormPayload   FormKind = "payload"   // a mapping of properties of the message's type to values
	FormDuration  FormKind = "duration"  // a number with a unit
	FormQuantity  FormKind = "quantity"  // a number with or without a unit, held to Pattern
	FormReference FormKind = "reference" // to a message: name.vN or node/name.vN
	FormList      FormKind = "list"      // of Of, not empty
	FormOneOrList FormKind = "one-or-list"
	FormMapping   FormKind = "mapping" // names chosen by the author, of the form Names, to Of
	FormSection   FormKind = "section" // a mapping with the keys of Section
)

// Form is the grammar of a value.
type Form struct {
	Is        FormKind
	Word      string   // what the value names, e.g. "a type"; for people
	Pattern   string   // text: regular expression, anchored
	Max       int      // text: characters, list: elements
	Words     []string // choice
	Low, High int      // integer
	Own       bool     // reference: to a message of the node itself
	Foreign   bool     // reference: to another node's
	OwnClass  event.Class
	FarClass  event.Class // of another node's message
	Names     *Form       // mapping
	Of        *Form       // mapping, list
	Section   string      // section
}

// Grammars of names, as regular expressions that every tool reads the same way.
const (
	kebabGrammar      = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`
	snakeGrammar      = `^[a-z][a-z0-9]*(_[a-z0-9]+)*$`
	typeGrammarText   = `^[A-Z][A-Za-z0-9]*$`
	capabilityGrammar = `^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`
	versionGrammar    = `^v[1-9][0-9]{0,3}$`
	semverGrammar     = `^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})` +
		`(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`
)

func name(word, pattern string) Form {
	return Form{Is: FormText, Word: word, Pattern: pattern, Max: event.MaxNameLength}
}

func kebab(word string) Form    { return name(word, kebabGrammar) }
func snakeOf(word string) Form  { return name(word, snakeGrammar) }
func typeName(word string) Form { return name(word, typeGrammarText) }

func line(word string, most int) Form { return Form{Is: FormLine, Word: word, Max: most} }

func choice(words ...string) Form { return Form{Is: FormChoice, Words: words} }

func integer(low, high int) Form { return Form{Is: FormInteger, Low: low, High: high} }

func duration() Form { return Form{Is: FormDuration} }

// reference is to a message in a role, which says whose it may be.
func reference(r role) Form {
	return Form{Is: FormReference, Own: r.own != "", Foreign: r.foreign != "", OwnClass: r.own, FarClass: r.foreign}
}

func list(of Form) Form { return Form{Is: FormList, Of: &of, Max: maxEntries} }

func mapping(names, of Form) Form { return Form{Is: FormMapping, Names: &names, Of: &of} }

func sectionOf(name string) Form { return Form{Is: FormSection, Section: name} }

// fits tells whether a text obeys the grammar.
func (f *Form) fits(text string) bool {
	return (f.Max == 0 || len(text) <= f.Max) && matches(f.Pattern, text)
}

package contract

// The stable ids of the rules.
const (
	ruleUnreadable   = "unreadable"
	ruleTooLarge     = "too-large"
	ruleEncoding     = "encoding"
	ruleSyntax       = "syntax"
	ruleDocuments    = "documents"
	ruleDepth        = "depth"
	ruleAlias        = "alias"
	ruleTag          = "tag"
	ruleYAMLBoolean  = "yaml-boolean"
	ruleTooMany      = "too-many"
	ruleUnknownKey   = "unknown-key"
	ruleMisplacedKey = "misplaced-key"
	ruleDuplicateKey = "duplicate-key"
	ruleMissingKey   = "missing-key"
	ruleWrongType    = "wrong-type"
	ruleEmpty        = "empty"

	ruleBadValue      = "bad-value"
	ruleBadName       = "bad-name"
	ruleReservedName  = "reserved-name"
	ruleNameCollision = "name-collision"
	ruleBadVersion    = "bad-version"
	ruleBadDuration   = "bad-duration"
	ruleDuplicate     = "duplicate"
	ruleContradiction = "contradiction"

	ruleUnknownType   = "unknown-type"
	ruleUnusedType    = "unused-type"
	ruleRecursiveType = "recursive-type"
	ruleExample       = "example"
	ruleKeyProperty   = "key-property"

	ruleBadReference   = "bad-reference"
	ruleUnknownMessage = "unknown-message"
	ruleWrongMessage   = "wrong-message"
	ruleReplaced       = "replaced-version"
	ruleUpcast         = "impossible-upcast"
	ruleUnhandled      = "unhandled-command"
	ruleNeverEmitted   = "never-emitted"

	ruleUnknownState       = "unknown-state"
	ruleUnreachable        = "unreachable-state"
	ruleDeadEnd            = "dead-end"
	ruleFinalExit          = "final-exit"
	ruleAmbiguous          = "ambiguous-transition"
	ruleUselessEarly       = "useless-early"
	ruleUnknownStep        = "unknown-step"
	ruleStepCycle          = "step-cycle"
	ruleForeignAnswer      = "foreign-answer"
	ruleImpossible         = "impossible-answer"
	ruleSilentStep         = "unbounded-wait"
	ruleMissingUndo        = "missing-undo"
	ruleDuplicateNode      = "duplicate-node"
	ruleFolderName         = "folder-name"
	ruleOrphan             = "orphan"
	ruleUnboundedCycle     = "unbounded-cycle"
	ruleAccessDenied       = "access-denied"
	ruleUnusedAccess       = "unused-access"
	ruleUnknownRequirement = "unknown-requirement"
)

// Rule is one rule that a contract must obey.
type Rule struct {
	ID      string `json:"id"`      // as in Diagnostic.Rule
	Meaning string `json:"meaning"` // what it demands and why
	Fleet   bool   `json:"fleet"`   // needs the other contracts
}

// Rules lists every rule a diagnostic may name, in the order they are checked.
func Rules() []Rule {
	return []Rule{
		{ID: ruleUnreadable, Meaning: "The contract is a regular file that can be read."},
		{ID: ruleTooLarge, Meaning: "A contract has at most 256 KiB."},
		{ID: ruleEncoding, Meaning: "A contract is UTF-8 text without byte order mark and control characters."},
		{ID: ruleSyntax, Meaning: "A contract is YAML."},
		{ID: ruleDocuments, Meaning: "A file holds one document: one node, one contract."},
		{ID: ruleDepth, Meaning: "Mappings and lists nest at most 32 deep."},
		{ID: ruleAlias, Meaning: "Anchors, aliases and merge keys are refused: what a file says must be readable where it says it."},
		{ID: ruleTag, Meaning: "Tags are refused: a value is what it looks like; quotes make it text."},
		{ID: ruleYAMLBoolean, Meaning: "y, n, yes, no, on and off are booleans for YAML 1.1 readers: never keys, and quoted as text."},
		{ID: ruleTooMany, Meaning: "At most 100 mistakes of a file are shown."},
		{ID: ruleUnknownKey, Meaning: "Every key has a meaning; the nearest valid one is offered."},
		{ID: ruleMisplacedKey, Meaning: "A key of the language stands where it has a meaning, which depends on the node's kind and a value's type."},
		{ID: ruleDuplicateKey, Meaning: "A key is given once."},
		{ID: ruleMissingKey, Meaning: "Required keys are given."},
		{ID: ruleWrongType, Meaning: "A value has the type its key needs; text that looks like something else is quoted."},
		{ID: ruleEmpty, Meaning: "What is given says something: no empty lists, mappings and descriptions."},
		{ID: ruleBadValue, Meaning: "A value is one of those allowed and obeys its own constraints."},
		{ID: ruleBadName, Meaning: "Nodes and messages are kebab-case, properties and settings snake_case, types exported Go identifiers."},
		{ID: ruleReservedName, Meaning: "A name does not take the place of a Go word, of something generated or of something the platform owns."},
		{ID: ruleNameCollision, Meaning: "Two names stay different once they are Go identifiers, environment variables or topics."},
		{ID: ruleBadVersion, Meaning: "A node's version is a semantic version without build metadata."},
		{ID: ruleBadDuration, Meaning: "A duration is a number with a unit, from 1ms to 8760h."},
		{ID: ruleDuplicate, Meaning: "A list names nothing twice."},
		{ID: ruleContradiction, Meaning: "Keys that stand together do not exclude each other."},
		{ID: ruleUnknownType, Meaning: "A type that is referred to is declared under types."},
		{ID: ruleUnusedType, Meaning: "A declared type is used by a message, the state or another used type."},
		{ID: ruleRecursiveType, Meaning: "A type does not contain itself."},
		{ID: ruleExample, Meaning: "Each type has a minimal example: text with a pattern declares one, and it obeys the schema."},
		{ID: ruleKeyProperty, Meaning: "A key is a required text property of its type that cannot be empty: it orders the records on the topic."},
		{ID: ruleBadReference, Meaning: "Own messages are written name.vN, those of other nodes node/name.vN."},
		{ID: ruleUnknownMessage, Meaning: "A message that is referred to is declared by its owner."},
		{ID: ruleWrongMessage, Meaning: "A node handles its own commands and others' events, emits its own events and sends others' commands."},
		{ID: ruleReplaced, Meaning: "A version that another one upcasts from is neither emitted, sent nor handled any more."},
		{ID: ruleUpcast, Meaning: "Every record of a replaced version becomes a valid record of the one that replaced it."},
		{ID: ruleUnhandled, Meaning: "Each command of a node has a handler, a transition or starts the workflow."},
		{ID: ruleNeverEmitted, Meaning: "Each event of a node has something that may emit it."},
		{ID: ruleUnknownState, Meaning: "initial and final name states that transitions use."},
		{ID: ruleUnreachable, Meaning: "Each state can be reached from the initial one."},
		{ID: ruleDeadEnd, Meaning: "A state that is not final can be left, and a final one reached."},
		{ID: ruleFinalExit, Meaning: "A final state has no transitions."},
		{ID: ruleAmbiguous, Meaning: "A state has at most one transition for an input, apart from those that guards tell apart."},
		{ID: ruleUselessEarly, Meaning: "early stands where an input can come before its state is reached."},
		{ID: ruleUnknownStep, Meaning: "after names steps of the workflow."},
		{ID: ruleStepCycle, Meaning: "Steps do not wait for each other in a circle."},
		{ID: ruleForeignAnswer, Meaning: "The answers to a command are events of the node that owns it."},
		{ID: ruleImpossible, Meaning: "An answer a step waits for is something handling its command can emit.", Fleet: true},
		{ID: ruleSilentStep, Meaning: "A step without timeout waits for every answer its command may get.", Fleet: true},
		{ID: ruleMissingUndo, Meaning: "A step whose command touches the world says how to undo it, if another step can still fail.", Fleet: true},
		{ID: ruleDuplicateNode, Meaning: "A node has one contract.", Fleet: true},
		{ID: ruleFolderName, Meaning: "A contract lies in the folder named after its node.", Fleet: true},
		{ID: ruleOrphan, Meaning: "Each event has a consumer and each command a sender in the fleet, or is external.", Fleet: true},
		{ID: ruleUnknownRequirement, Meaning: "health names requirements of the node."},
		{ID: ruleUnboundedCycle, Meaning: "No message causes itself for ever.", Fleet: true},
		{ID: ruleAccessDenied, Meaning: "A message with access is used by the nodes it names only.", Fleet: true},
		{ID: ruleUnusedAccess, Meaning: "A node that access names makes use of the message.", Fleet: true},
	}
}

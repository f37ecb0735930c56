package contract

// topGrammar is the contract itself.
func topGrammar() []Section {
	return []Section{{Name: "contract", Noun: "the top level", Keys: append(headKeys(), bodyKeys()...)}}
}

func headKeys() []Key {
	return []Key{
		{
			Name: "omninode", Required: Always, Form: integer(Format, Format), Example: "1",
			Meaning: "Version of this language.", Fix: "start the file with omninode: 1",
			Changes: []Artefact{ArtefactCheck}, Test: "TestSingle",
		},
		{
			Name: "node", Required: Always, Form: kebab("a node"), Example: "order-sync",
			Meaning: "Name of the node: its folder, Go package, service, topics, group, schema and environment variables.",
			Fix:     "name the node, e.g. node: order-sync",
			Changes: []Artefact{ArtefactShow, ArtefactNode, ArtefactConfig, ArtefactMain}, Test: "TestDerive",
		},
		{
			Name: "version", Required: Always, Form: Form{Is: FormText, Word: "a version", Pattern: semverGrammar, Max: maxVersion}, Example: "1.2.0",
			Meaning: "Semantic version of the node, without build metadata. It stands in the registration.",
			Fix:     "add the node's version, e.g. version: 1.0.0",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestRegistration",
		},
		{
			Name: "kind", Required: Always, Form: choice(words(kinds())...), Example: "effect",
			Meaning: "What the node may do, which decides about the keys that apply, the handler's interface and delivery.",
			Fix:     "add kind: compute, or effect, reducer, orchestrator",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestBehaviour",
		},
		{
			Name: "description", Form: description(), Example: "Sends mails.",
			Meaning: "What the node is for.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "capabilities", Form: list(Form{Is: FormText, Word: "a capability", Pattern: capabilityGrammar, Max: maxCapability}),
			Example: "[mail.send]",
			Meaning: "What the node can do. Others find it by these words in the registration.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestRegistration",
		},
	}
}

// words returns texts of a type of texts.
func words[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}

func description() Form { return line("a description", maxText) }

func bodyKeys() []Key {
	keys := []Key{
		{
			Name: "commands", Form: mapping(kebab("a command"), sectionOf("message")),
			Example: "{send-mail: {v1: {key: mail_id, data: Mail}}}",
			Meaning: "The commands that this node receives.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "events", Form: mapping(kebab("an event"), sectionOf("message")),
			Example: "{mail-sent: {v1: {key: mail_id, data: Sent}}}",
			Meaning: "The events that this node produces.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "types", Form: mapping(typeName("a type"), sectionOf("type")),
			Example: "{Mail: {type: object, required: [mail_id], properties: {mail_id: {type: string, format: uuid}}}}",
			Meaning: "Payloads, states and what they are made of.",
			Changes: []Artefact{ArtefactTypes}, Test: "TestGolden",
		},
	}
	keys = append(keys, behaviourKeys()...)
	return append(keys, settingKeys()...)
}

// behaviourKeys say what the node does: in each kind in another form.
func behaviourKeys() []Key {
	return []Key{
		{
			Name: "handles", Required: Always, Form: mapping(reference(handles()), sectionOf("handle")),
			Refused: []Refusal{
				{[]Kind{Reducer}, "a reducer's inputs are the transitions of its machine", "declare them under machine.transitions"},
				{[]Kind{Orchestrator}, "an orchestrator's inputs are the start and the answers of its workflow", "declare them under workflow"},
			},
			Example: "{send-mail.v1: {emits: [mail-sent.v1]}}",
			Meaning: "What happens with each input: an own command or another node's event.",
			Fix:     "say what each input emits, e.g. handles: {price-order.v1: {emits: [order-priced.v1]}}",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "state", Required: Always, Form: sectionOf("state"), Refused: onlyReducer(),
			Example: "{key: order_id, data: OrderState}",
			Meaning: "The keyed state.", Fix: "declare it, e.g. state: {key: order_id, data: OrderState}",
			Changes: []Artefact{ArtefactNode}, Test: "TestReducer",
		},
		{
			Name: "machine", Required: Always, Form: sectionOf("machine"), Refused: onlyReducer(),
			Example: "{initial: new, transitions: [{input: place-order.v1, from: new, to: placed}]}",
			Meaning: "The states of a key and what moves it between them.", Fix: "declare it, e.g. machine: {initial: new, final: [placed], transitions: [{input: place-order.v1, from: new, to: placed}]}",
			Changes: []Artefact{ArtefactNode}, Test: "TestReducer",
		},
		{
			Name: "workflow", Required: Always, Form: sectionOf("workflow"),
			Refused: []Refusal{{
				[]Kind{Compute, Effect, Reducer}, "only an orchestrator has a workflow", "remove it, or make the node an orchestrator",
			}},
			Example: "{start: start-checkout.v1, steps: {place: {send: orders/place-order.v1, success: [orders/order-placed.v1]}}, " +
				"completed: checkout-completed.v1, failed: checkout-failed.v1}",
			Meaning: "The steps that lead other nodes.", Fix: "declare it, e.g. workflow: {start: start-checkout.v1, steps: {charge: {send: payment/charge-card.v1, success: [payment/card-charged.v1]}}, " +
				"completed: checkout-completed.v1, failed: checkout-failed.v1}",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestOrchestrator",
		},
		{
			Name: "schedules", Form: mapping(snakeOf("a schedule"), sectionOf("schedule")), Refused: impure("it is pure and begins nothing by itself"),
			Example: "{nightly: {cron: 0 3 * * *, send: start-report.v1}}",
			Meaning: "Own commands that are sent by the clock.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestSchedule",
		},
	}
}

func onlyReducer() []Refusal {
	return []Refusal{
		{[]Kind{Compute, Effect}, "a reducer keeps state", "remove it, or make the node a reducer"},
		{[]Kind{Orchestrator}, "an orchestrator's state is its workflow", "remove it, or make the node a reducer"},
	}
}

// impure refuses a key in a compute node.
func impure(why string) []Refusal {
	return []Refusal{{[]Kind{Compute}, why, "remove it, or make the node an effect"}}
}

func settingKeys() []Key {
	return []Key{
		{
			Name: "config", Form: mapping(snakeOf("a setting"), sectionOf("setting")),
			Example: "{batch_size: {type: integer, default: 10}}",
			Meaning: "Settings, read from the environment.",
			Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestCascade",
		},
		{
			Name: "secrets", Form: mapping(snakeOf("a secret"), sectionOf("secret")), Refused: impure("it is pure and reads no secret"),
			Example: "{server_token: {description: Bearer token of the mail server.}}",
			Meaning: "Names of secrets, whose values come from Vault or the environment.",
			Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestNodeReadsOnlyItsOwnSecrets",
		},
		{
			Name: "requires", Form: mapping(snakeOf("a requirement"), typeName("a Go interface")), Refused: impure("it is pure and depends on nothing"),
			Example: "{server: MailServer}",
			Meaning: "Go interfaces the handler needs, built in `wire.go`.",
			Changes: []Artefact{ArtefactNode, ArtefactWire}, Test: "TestGolden",
		},
		{
			Name: "health", Form: mapping(snakeOf("a requirement"), sectionOf("check")), Refused: impure("it is pure and depends on nothing"),
			Example: "{server: {every: 10s}}",
			Meaning: "Requirements that are asked whether they work; the node is not ready while one does not.",
			Changes: []Artefact{ArtefactShow, ArtefactNode, ArtefactWire}, Test: "TestFailingCheckShowsEverywhere",
		},
		{
			Name: "flags", Form: mapping(snakeOf("a flag"), sectionOf("flag")),
			Example: "{new_layout: {default: false, description: Mails in the new layout.}}",
			Meaning: "Switches that are turned while the node runs.",
			Changes: []Artefact{ArtefactShow, ArtefactNode, ArtefactConfig, ArtefactScaffold}, Test: "TestFlagsFollowTheCatalog",
		},
		{
			Name: "resources", Form: sectionOf("resources"), Example: "{cpu: 250m, memory: 64Mi}", Default: "what the cluster gives",
			Meaning: "What an instance needs of a machine.",
			Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
		},
		{
			Name: "scaling", Form: sectionOf("scaling"), Example: "{min: 2, max: 8, cpu: 70}", Default: "one instance",
			Meaning: "How many instances run.",
			Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
		},
	}
}

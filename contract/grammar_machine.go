package contract

// machineGrammar is the state of a reducer and the machine that moves it.
func machineGrammar() []Section {
	return []Section{
		{Name: "state", Noun: "state", Keys: []Key{
			{
				Name: "key", Required: Always, Form: snakeOf("a property"), Example: "order_id",
				Meaning: "Property of the state, and key of every input.",
				Fix:     "name the property that identifies the state, e.g. key: order_id",
				Changes: []Artefact{ArtefactCheck}, Test: "TestFleet",
			},
			{
				Name: "data", Required: Always, Form: typeName("a type"), Example: "OrderState",
				Meaning: "Type of the state, which the handler gets and returns.", Fix: "name the state's type, e.g. data: OrderState",
				Changes: []Artefact{ArtefactNode}, Test: "TestGolden",
			},
		}},
		{Name: "machine", Noun: "machine", Keys: []Key{
			{
				Name: "initial", Required: Always, Form: snakeOf("a state"), Example: "new",
				Meaning: "State of a key nothing is known about.", Fix: "name the state of a new key, e.g. initial: new",
				Changes: []Artefact{ArtefactNode}, Test: "TestMachine",
			},
			{
				Name: "final", Form: list(snakeOf("a state")), Example: "[ready, cancelled]", Default: "none",
				Meaning: "States without an exit.",
				Changes: []Artefact{ArtefactCheck}, Test: "TestSingle",
			},
			{
				Name: "transitions", Required: Always, Form: list(sectionOf("transition")),
				Example: "[{input: place-order.v1, from: new, to: placed}]",
				Meaning: "What moves a key.", Fix: "declare at least one, e.g. transitions: [{input: place-order.v1, from: new, to: placed}]",
				Changes: []Artefact{ArtefactNode}, Test: "TestMachine",
			},
		}},
		{Name: "transition", Noun: "a transition", Keys: transitionKeys()},
	}
}

func transitionKeys() []Key {
	states := list(snakeOf("a state"))
	states.Is = FormOneOrList
	return []Key{
		{
			Name: "input", Required: Always, Form: reference(handles()), Example: "place-order.v1",
			Meaning: "Own command or another node's event.", Fix: "name what triggers it, e.g. input: place-order.v1",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestMachine",
		},
		{
			Name: "from", Required: Always, Form: states, Example: "new",
			Meaning: "A state or a list of states that it leaves.", Fix: "name the state it leaves, e.g. from: new, or a list of states",
			Changes: []Artefact{ArtefactNode}, Test: "TestMachine",
		},
		{
			Name: "to", Required: Always, Form: snakeOf("a state"), Example: "placed",
			Meaning: "The state it enters; may be the one it leaves.", Fix: "name the state it enters, e.g. to: placed, or the one it leaves to stay",
			Changes: []Artefact{ArtefactNode}, Test: "TestMachine",
		},
		{
			Name: "guard", Form: snakeOf("a guard"), Example: "in_stock", Default: "none: the transition is always taken",
			Meaning: "Method of the handler that says whether the transition is taken; asked in the order of the file.",
			Changes: []Artefact{ArtefactNode, ArtefactHandler}, Test: "TestGuardedReducer",
		},
		{
			Name: "emits", Form: list(reference(emits())), Example: "[order-placed.v1]", Default: "none",
			Meaning: "Own events the transition may emit.",
			Changes: []Artefact{ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "early", Form: duration(), Example: "30s", Default: "not at all: dead letter",
			Meaning: "How long an input waits whose state is yet to come; topics have no common order.",
			Changes: []Artefact{ArtefactNode}, Test: "TestEarlyWaitsOnlySoLong",
		},
		{
			Name: "then", Form: choice("dead_letter", "halt_key"), Example: "halt_key", Default: "dead_letter",
			Meaning: "What follows when the handler fails on the input; with `halt_key` later records of this input and key wait for a person.",
			Changes: []Artefact{ArtefactNode}, Test: "TestTransitionThatHaltsItsKey",
		},
	}
}

package contract

// workflowGrammar is what an orchestrator leads others through.
func workflowGrammar() []Section {
	return []Section{
		{Name: "workflow", Noun: "workflow", Keys: []Key{
			{
				Name: "start", Required: Always, Form: reference(startsWith()), Example: "start-checkout.v1",
				Meaning: "Own command that starts an instance.", Fix: "name the command that starts it, e.g. start: start-checkout.v1",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestWorkflow",
			},
			{
				Name: "steps", Required: Always, Form: mapping(snakeOf("a step"), sectionOf("step")),
				Example: "{place: {send: orders/place-order.v1, success: [orders/order-placed.v1]}}",
				Meaning: "The steps.", Fix: "declare at least one, e.g. steps: {charge: {send: payment/charge-card.v1, success: [payment/card-charged.v1]}}",
				Changes: []Artefact{ArtefactNode}, Test: "TestWorkflow",
			},
			{
				Name: "completed", Required: Always, Form: reference(endsWith()), Example: "checkout-completed.v1",
				Meaning: "Own event that says all steps succeeded.", Fix: "name the event that says all steps succeeded, e.g. completed: checkout-completed.v1",
				Changes: []Artefact{ArtefactNode}, Test: "TestWorkflow",
			},
			{
				Name: "failed", Required: Always, Form: reference(endsWith()), Example: "checkout-failed.v1",
				Meaning: "Own event that says the workflow failed.", Fix: "name the event that says the workflow failed, e.g. failed: checkout-failed.v1",
				Changes: []Artefact{ArtefactNode}, Test: "TestWorkflow",
			},
		}},
		{Name: "step", Noun: "a step", Keys: stepKeys(), Bonds: []Bond{
			{Key: "undo", Demand: []string{"send"}},
			{
				Key: "delay", Refuse: []string{"send", "success", "failure", "undo", "timeout"}, Else: []string{"success"},
				Why: "stands beside delay: such a step waits for time alone", Fix: "remove it, or move it to a step of its own",
			},
		}},
	}
}

func stepKeys() []Key {
	return []Key{
		{
			Name: "after", Form: list(snakeOf("a step")), Example: "[place]", Default: "starts at once",
			Meaning: "Steps that must have succeeded before.",
			Changes: []Artefact{ArtefactNode}, Test: "TestWorkflow",
		},
		{
			Name: "send", Required: "beside `undo`", Form: reference(sends()), Example: "orders/place-order.v1", Default: "none: the step only waits",
			Meaning: "Another node's command.", Fix: "name the command that undo takes back, e.g. send: payment/charge-card.v1, or remove undo",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestWorkflow",
		},
		{
			Name: "success", Required: "unless `delay`", Form: list(reference(awaits())), Example: "[orders/order-placed.v1]",
			Meaning: "Other nodes' events that complete the step.", Fix: "name the events that complete the step, e.g. success: [payment/card-charged.v1]",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestWorkflow",
		},
		{
			Name: "failure", Form: list(reference(awaits())), Example: "[payment/card-declined.v1]", Default: "none",
			Meaning: "Other nodes' events that fail the workflow.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestWorkflow",
		},
		{
			Name: "undo", Form: reference(sends()), Example: "payment/refund-card.v1", Default: "none",
			Meaning: "Command that takes a succeeded step back when a later one fails.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestWorkflow",
		},
		{
			Name: "timeout", Form: duration(), Example: "30s", Default: "no bound",
			Meaning: "How long the step waits for an answer.",
			Changes: []Artefact{ArtefactNode}, Test: "TestTimersFire",
		},
		{
			Name: "delay", Form: duration(), Example: "10m", Default: "none: the step waits for an answer",
			Meaning: "The step succeeds once this has passed, and waits for nothing else.",
			Changes: []Artefact{ArtefactNode}, Test: "TestDelayOutlivesItsProcess",
		},
		{
			Name: "replaces", Form: list(snakeOf("a step")), Example: "[reserve]", Default: "none",
			Meaning: "Steps of earlier versions whose part it takes, in instances that have yet to come to them; its own name says that it does the same by another command.",
			Changes: []Artefact{ArtefactNode}, Test: "TestStepThatIsReplaced",
		},
	}
}

package contract

// handleGrammar is what a compute or effect node does with an input.
func handleGrammar() []Section {
	return []Section{
		{Name: "handle", Noun: "a handle", Keys: handleKeys()},
		{Name: "retry", Noun: "retry", Keys: retryKeys(), Bonds: []Bond{{
			Key: "attempts", Values: []string{"1"}, Refuse: []string{"first", "max"}, Else: []string{"first", "max"},
			Why: "delays further attempts, but attempts is 1", Fix: "remove it or raise attempts",
		}}},
		{Name: "batch", Noun: "batch", Keys: []Key{
			{
				Name: "size", Required: Always, Form: integer(2, maxBatch), Example: "100",
				Meaning: "Most inputs of one call.", Fix: "say how many at most, e.g. size: 100",
				Changes: []Artefact{ArtefactNode}, Test: "TestBatchSizes",
			},
			{
				Name: "wait", Form: duration(), Example: "50ms", Default: "not at all: takes what is there",
				Meaning: "How long a call waits to become full.",
				Changes: []Artefact{ArtefactNode}, Test: "TestBatchWaits",
			},
		}},
		{Name: "breaker", Noun: "breaker", Keys: []Key{
			{
				Name: "failures", Required: Always, Form: integer(1, maxFailures), Example: "5",
				Meaning: "Attempts in a row, over all keys, whose temporary failure opens the breaker.",
				Fix:     "say after how many failures it opens, e.g. failures: 5",
				Changes: []Artefact{ArtefactNode}, Test: "TestBreaker",
			},
			{
				Name: "open", Required: Always, Form: duration(), Example: "30s",
				Meaning: "How long nothing is attempted, before a single attempt tries.",
				Fix:     "say how long it stays open, e.g. open: 30s",
				Changes: []Artefact{ArtefactNode}, Test: "TestBreaker",
			},
		}},
	}
}

func handleKeys() []Key {
	return []Key{
		{
			Name: "emits", Form: list(reference(emits())), Example: "[mail-sent.v1]", Default: "none",
			Meaning: "Own events the handler may emit.",
			Changes: []Artefact{ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "idempotency_key", Form: snakeOf("a property"), Refused: impure("its inputs are handled exactly once"),
			Example: "mail_id", Default: "the envelope's id",
			Meaning: "Property of the input, required text, that makes a repetition recognisable.",
			Changes: []Artefact{ArtefactNode}, Test: "TestDuplicateIsHandledOnce",
		},
		{
			Name: "timeout", Form: duration(), Refused: impure("it is pure, so there is nothing to wait for"), Example: "5s", Default: "10s",
			Meaning: "Bound of one attempt.",
			Changes: []Artefact{ArtefactNode}, Test: "TestTimeoutIsRetryable",
		},
		{
			Name: "retry", Form: sectionOf("retry"), Refused: impure("it is pure, so a second attempt ends like the first"),
			Example: "{attempts: 5, first: 200ms, max: 30s, then: dead_letter}", Default: "one attempt, then dead letter",
			Meaning: "What happens when an attempt fails.",
			Changes: []Artefact{ArtefactNode}, Test: "TestRetryKeepsOrder",
		},
		{
			Name: "batch", Form: sectionOf("batch"), Refused: impure("it is pure, so there is no transaction to share"),
			Example: "{size: 100, wait: 50ms}", Default: "one input at a time",
			Meaning: "Several inputs of a partition are handled by one call and settled by one transaction.",
			Changes: []Artefact{ArtefactNode, ArtefactHandler}, Test: "TestBatchFails",
		},
		{
			Name: "breaker", Form: sectionOf("breaker"), Refused: impure("it is pure, so nothing outside of it can fail"),
			Example: "{failures: 5, open: 30s}", Default: "every input is attempted",
			Meaning: "Stops attempts for a while when what the handler calls keeps failing.",
			Changes: []Artefact{ArtefactNode}, Test: "TestBreaker",
		},
	}
}

// unlessOnce is the condition of the keys that delay a second attempt.
const unlessOnce = "unless `attempts` is 1"

func retryKeys() []Key {
	return []Key{
		{
			Name: "attempts", Required: Always, Form: integer(1, maxAttempts), Example: "5",
			Meaning: "Attempts in total.", Fix: "say how often in total, e.g. attempts: 5",
			Changes: []Artefact{ArtefactNode}, Test: "TestRetryKeepsOrder",
		},
		{
			Name: "first", Required: unlessOnce, Form: duration(), Example: "200ms",
			Meaning: "Delay before the second attempt; doubles from there.", Fix: "say when the second attempt comes, e.g. first: 200ms",
			Changes: []Artefact{ArtefactNode}, Test: "TestDelay",
		},
		{
			Name: "max", Required: unlessOnce, Form: duration(), Example: "30s",
			Meaning: "Bound of the delay.", Fix: "bound the delay, which doubles, e.g. max: 30s",
			Changes: []Artefact{ArtefactNode}, Test: "TestDelay",
		},
		{
			Name: "then", Required: Always, Form: choice("dead_letter", "halt_key"), Example: "dead_letter",
			Meaning: "What follows the last attempt; with `halt_key` later inputs of the key wait for a person.",
			Fix:     "say what follows the last attempt, e.g. then: dead_letter, or halt_key",
			Changes: []Artefact{ArtefactNode}, Test: "TestRetryKeepsOrder",
		},
	}
}

package contract

import "github.com/omninode-ai/omninode/onex/schedule"

// scheduleGrammar is what a node begins by the clock.
func scheduleGrammar() []Section {
	return []Section{{
		Name: "schedule", Noun: "a schedule", Keys: []Key{
			{
				Name: "cron", Required: "unless `every`", Form: Form{Is: FormText, Word: "a cron expression", Pattern: schedule.Grammar}, Example: "0 3 * * *",
				Meaning: "Minute, hour, day of the month, month and day of the week, in UTC.",
				Fix:     "say when, e.g. cron: 0 3 * * *, or every: 1h",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestLatest",
			},
			{
				Name: "every", Form: duration(), Example: "1h", Default: "none: `cron` says when",
				Meaning: "Whole seconds between ticks, which fall on its multiples: `1h` is every full hour.",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestLatest",
			},
			{
				Name: "send", Required: Always, Form: reference(ticks()), Example: "start-report.v1",
				Meaning: "Own command that each tick sends.", Fix: "name the command, e.g. send: start-report.v1",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestSchedule",
			},
			{
				Name: "data", Form: Form{Is: FormPayload}, Example: "{title: Sales of the day}", Default: "nothing besides the key",
				Meaning: "Payload of the command; each tick fills its key if it stands not here.",
				Changes: []Artefact{ArtefactNode}, Test: "TestEvent",
			},
		},
		Bonds: []Bond{{
			Key: "cron", Refuse: []string{"every"}, Why: "stands beside cron, which says when already", Fix: "remove one of them",
		}, {
			Key: "every", Else: []string{"cron"},
		}},
	}}
}

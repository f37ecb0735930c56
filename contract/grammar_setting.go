package contract

import "strings"

// settingGrammar is what surrounds the handler: settings, secrets, checks and flags.
func settingGrammar() []Section {
	return []Section{
		{Name: "setting", Noun: "a setting", Keys: settingSchemaKeys(), Bonds: []Bond{enumBond(), {
			Key: "default", Refuse: []string{"example"},
			Why: "stands beside default", Fix: "remove it, the default is the example",
		}}},
		{Name: "secret", Noun: "a secret", Keys: []Key{
			{
				Name: "description", Required: Always, Form: description(), Example: "Bearer token of the gateway.",
				Meaning: "What the secret opens.", Fix: "say what it opens, e.g. description: Bearer token of the gateway.",
				Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestGolden",
			},
			{
				Name: "database_role", Form: name("a role of Vault's database engine", roleGrammar), Example: "reporting-reader", Default: "a value that is stored",
				Meaning: "The secret is a user name and a password that Vault makes for this role and that end with their lease.",
				Changes: []Artefact{ArtefactShow, ArtefactConfig, ArtefactPolicy}, Test: "TestSeedVaultMakesDatabaseCredentials",
			},
		}},
		{Name: "check", Noun: "a check of health", Keys: []Key{
			{
				Name: "every", Required: Always, Form: duration(), Example: "10s",
				Meaning: "Time between two checks.", Fix: "say how often to ask, e.g. every: 10s",
				Changes: []Artefact{ArtefactNode}, Test: "TestFailingCheckShowsEverywhere",
			},
			{
				Name: "timeout", Form: duration(), Example: "500ms", Default: DefaultCheckTimeout.String(),
				Meaning: "Bound of one check, below `every`.",
				Changes: []Artefact{ArtefactNode}, Test: "TestProbeIsBounded",
			},
		}},
		{Name: "flag", Noun: "a flag", Keys: []Key{
			{
				Name: "default", Required: Always, Form: Form{Is: FormBoolean}, Example: "false",
				Meaning: "Position of the flag as long as nobody turned it.", Fix: "say what holds until somebody turns it, e.g. default: false",
				Changes: []Artefact{ArtefactShow, ArtefactConfig, ArtefactScaffold}, Test: "TestFlagCascade",
			},
			{
				Name: "description", Required: Always, Form: description(), Example: "Mails in the new layout.",
				Meaning: "What the flag turns on.", Fix: "say what it turns on, e.g. description: Taxes by the new rules.",
				Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestGolden",
			},
		}},
	}
}

// roleGrammar is the grammar of a role of Vault's database engine, which is part of a path.
const roleGrammar = `^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`

func settingSchemaKeys() []Key {
	keys := []Key{
		{
			Name: "type", Required: Always, Form: choice(scalars()...), Example: "integer",
			Meaning: "Type of the value.", Fix: "add type: " + strings.Join(scalars(), ", or "),
			Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestReadTyped",
		},
		{
			Name: "default", Form: Form{Is: FormScalar}, Example: "10", Default: "none: the setting is required",
			Meaning: "Value used when nothing else is given; obeys the constraints.",
			Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestCascade",
		},
		{
			Name: "description", Form: description(), Example: "Mails per connection.",
			Meaning: "What the setting is for.",
			Changes: []Artefact{ArtefactShow, ArtefactConfig}, Test: "TestGolden",
		},
	}
	return append(keys, scalarKeys(ArtefactConfig, ArtefactScaffold, "TestReadTyped")...)
}

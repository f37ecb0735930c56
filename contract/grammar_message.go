package contract

// messageGrammar is what a command or an event says about itself.
func messageGrammar() []Section {
	return []Section{
		{Name: "message", Noun: "a command or an event, beside its versions", Keys: []Key{
			{
				Name: "description", Form: description(), Example: "Asks for a mail.",
				Meaning: "What the message says.",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
			},
			{
				Name: "external", Form: Form{Is: FormTrue}, Example: "true", Default: "absent",
				Meaning: "The message is sent or consumed outside of the fleet.",
				Changes: []Artefact{ArtefactShow, ArtefactCheck}, Test: "TestFleet",
			},
			{
				Name: "access", Form: list(kebab("a node")), Example: "[checkout, mailer]", Default: "every node of the fleet",
				Meaning: "The nodes that may consume the event or send the command.",
				Changes: []Artefact{ArtefactShow, ArtefactCheck}, Test: "TestFleet",
			},
			{
				Name: "vN", Names: &Form{Is: FormText, Word: "a version", Pattern: versionGrammar}, Required: Always, Form: sectionOf("version"),
				Example: "{key: mail_id, data: Mail}", Fix: "add one, e.g. v1: {key: order_id, data: Order}",
				Meaning: "A version, from `v1` to `v9999`; several may live side by side.",
				Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
			},
		}},
		{Name: "version", Noun: "a version of a message", Keys: versionKeys()},
		upcastGrammar(),
	}
}

func versionKeys() []Key {
	return []Key{
		{
			Name: "key", Required: Always, Form: snakeOf("a property"), Example: "mail_id",
			Meaning: "Property of the payload that orders the records: required text that cannot be empty.",
			Fix:     "name the property that orders the records, e.g. key: order_id",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "data", Required: Always, Form: typeName("a type"), Example: "Mail",
			Meaning: "Type of the payload.", Fix: "name the payload's type, e.g. data: Order",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestGolden",
		},
		{
			Name: "partitions", Form: integer(1, maxPartitions), Example: "12", Default: itoa(DefaultPartitions),
			Meaning: "Partitions of the topic: how many instances can share its work.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestOwnerDecidesAboutTopics",
		},
		{
			Name: "retention", Form: duration(), Example: "168h", Default: "what the cluster keeps",
			Meaning: "How long the topic keeps a record.",
			Changes: []Artefact{ArtefactShow, ArtefactNode}, Test: "TestOwnerDecidesAboutTopics",
		},
		{
			Name: "upcast", Form: sectionOf("upcast"), Example: "{from: v1, rename: {to: address}, set: {language: en}}",
			Meaning: "This version replaces an earlier one, whose records become records of this one.",
			Changes: []Artefact{ArtefactTypes, ArtefactNode, ArtefactShow}, Test: "TestUpcast",
		},
	}
}

// upcastGrammar is how the payload of an earlier version becomes one of this.
func upcastGrammar() Section {
	return Section{Name: "upcast", Noun: "an upcast", Keys: []Key{
		{
			Name: "from", Required: Always, Form: Form{Is: FormText, Word: "a version", Pattern: versionGrammar}, Example: "v1",
			Meaning: "The earlier version that is replaced: nobody emits, sends or handles it any more.",
			Fix:     "name the version it replaces, e.g. from: v1",
			Changes: []Artefact{ArtefactTypes, ArtefactNode, ArtefactShow}, Test: "TestUpcast",
		},
		{
			Name: "rename", Form: mapping(snakeOf("a property"), snakeOf("a property")), Example: "{address: to}",
			Meaning: "Properties with another name, new: old; those with the same name and a schema that fits are carried without a word.",
			Changes: []Artefact{ArtefactTypes}, Test: "TestUpcast",
		},
		{
			Name: "set", Form: mapping(snakeOf("a property"), Form{Is: FormScalar}), Example: "{language: en}",
			Meaning: "Properties that the earlier version does not have, with the value they get.",
			Changes: []Artefact{ArtefactTypes}, Test: "TestUpcast",
		},
	}}
}

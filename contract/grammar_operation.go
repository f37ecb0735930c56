package contract

// operationGrammar is what the node needs to run.
func operationGrammar() []Section {
	return []Section{
		{Name: "resources", Noun: "resources", Keys: []Key{
			{
				Name: "cpu", Required: Always, Form: Form{Is: FormQuantity, Word: "cores", Pattern: cpuGrammar}, Example: "250m",
				Meaning: "Cores an instance is granted, in thousandths (`250m`) or whole (`2`), from 10m to 64.",
				Fix:     "say how many cores, e.g. cpu: 250m",
				Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
			},
			{
				Name: "memory", Required: Always, Form: Form{Is: FormQuantity, Word: "memory", Pattern: memoryGrammar}, Example: "64Mi",
				Meaning: "Memory of an instance, granted and at most, in `Mi` or `Gi`, from 16Mi to 256Gi.",
				Fix:     "say how much memory, e.g. memory: 64Mi",
				Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
			},
		}},
		{Name: "scaling", Noun: "scaling", Keys: []Key{
			{
				Name: "min", Required: Always, Form: integer(1, maxInstances), Example: "2",
				Meaning: "Fewest instances.", Fix: "say how many run at least, e.g. min: 1",
				Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
			},
			{
				Name: "max", Required: Always, Form: integer(1, maxInstances), Example: "8",
				Meaning: "Most instances; not below `min`, and not above the partitions of every input.", Fix: "say how many run at most, e.g. max: 4",
				Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
			},
			{
				Name: "cpu", Required: "if `max` is above `min`, else refused", Form: integer(minLoad, maxLoad), Example: "70",
				Meaning: "Percent of its granted cores an instance uses on average; above, instances are added.",
				Fix:     "say from which load on instances are added, e.g. cpu: 70",
				Changes: []Artefact{ArtefactShow, ArtefactManifests}, Test: "TestSizing",
			},
		}},
	}
}

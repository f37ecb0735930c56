package contract

import (
	"embed"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/internal/nearest"
)

// archives holds an archive per rule: why it is there and how to obey it, and contracts that break
// and obey it.
//
//go:embed rules/*.txtar
var archives embed.FS

// Explanation is what a rule demands, why, and how to obey it.
type Explanation struct {
	Rule
	Why  string `json:"why"` // what goes wrong without it
	How  string `json:"how"` // how to obey it
	Bad  []File `json:"bad"` // contracts that break this rule and no other; none if they would be too large to show
	Good []File `json:"good"`
}

// File is a contract of an example: of one node, or of one in a fleet if the name has a folder.
type File struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

// Explain explains a rule, false if there is none of that id.
func Explain(id string) (Explanation, bool) {
	rules := Rules()
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Explanation{}, false
	}
	e := Explanation{Rule: rules[i]}
	raw, err := archives.ReadFile(path.Join("rules", id+".txtar"))
	if err != nil {
		return e, true // TestExplain refuses a rule without an archive
	}
	a := txtar.Parse(raw)
	why, how, _ := strings.Cut(string(a.Comment), "\n\n")
	e.Why, e.How = joined(why), joined(how)
	for _, f := range a.Files {
		switch dir, name, _ := strings.Cut(f.Name, "/"); dir {
		case "bad":
			e.Bad = append(e.Bad, File{name, string(f.Data)})
		case "good":
			e.Good = append(e.Good, File{name, string(f.Data)})
		}
	}
	return e, true
}

// joined returns wrapped text as one line.
func joined(text string) string { return strings.Join(strings.Fields(text), " ") }

// NearestRule returns the id of the rule that id is probably a misspelling of, or "".
func NearestRule(id string) string {
	var ids []string
	for _, r := range Rules() {
		ids = append(ids, r.ID)
	}
	return nearest.Of(id, ids)
}

// Reported returns what is reported about the bad example.
func (e Explanation) Reported() Diagnostics { return examine(e.Bad) }

// examine returns what is wrong with the contracts of an example.
func examine(files []File) Diagnostics {
	if len(files) == 1 && !strings.Contains(files[0].Name, "/") {
		_, ds := Parse(files[0].Name, []byte(files[0].Content))
		return ds
	}
	sources := map[string][]byte{}
	for _, f := range files {
		sources[f.Name] = []byte(f.Content)
	}
	_, err := ParseFleet(sources)
	ds, _ := err.(Diagnostics) //nolint:errorlint // ParseFleet returns nothing else
	return ds
}

// Changes returns how the bad example becomes the good one, as a unified diff.
func (e Explanation) Changes() string {
	var b strings.Builder
	for i, f := range e.Bad {
		good := slices.IndexFunc(e.Good, func(g File) bool { return g.Name == f.Name })
		if good < 0 {
			good = i
			b.WriteString(f.Name + " moves to " + e.Good[i].Name + "\n")
		}
		b.WriteString(Diff(e.Good[good].Name, []byte(f.Content), []byte(e.Good[good].Content)))
	}
	return b.String()
}

// Diff returns what changes between two contents of a file as a unified diff, "" if nothing does.
func Diff(file string, before, after []byte) string {
	_, body, _ := strings.Cut(string(diff.Diff(file, before, file, after)), "\n")
	return body
}

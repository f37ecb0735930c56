package main

import (
	"net/url"
	"path/filepath"

	"github.com/omninode-ai/omninode/contract"
)

// The part of SARIF 2.1.0 that a check of contracts needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
		FullDescription  sarifMessage `json:"fullDescription"`
		Help             sarifMessage `json:"help"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID           string          `json:"ruleId"`
		RuleIndex        int             `json:"ruleIndex"`
		Level            string          `json:"level"`
		Message          sarifMessage    `json:"message"`
		Locations        []sarifLocation `json:"locations"`
		RelatedLocations []sarifLocation `json:"relatedLocations,omitempty"`
		Fixes            []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical `json:"physicalLocation"`
		Message          *sarifMessage `json:"message,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifFix struct {
		Description     sarifMessage  `json:"description"`
		ArtifactChanges []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		ArtifactLocation sarifArtifact      `json:"artifactLocation"`
		Replacements     []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		DeletedRegion   sarifRegion  `json:"deletedRegion"`
		InsertedContent sarifMessage `json:"insertedContent"`
	}
)

// sarif renders diagnostics together with the rules they name.
func sarif(ds contract.Diagnostics, s sources) sarifLog {
	index := map[string]int{}
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "omninode", Version: version().Version, Rules: []sarifRule{}}
	for _, d := range ds {
		i, known := index[d.Rule]
		if !known {
			i = len(run.Tool.Driver.Rules)
			index[d.Rule] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, describeRule(d.Rule))
		}
		run.Results = append(run.Results, describeResult(d, i, s))
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

func describeRule(id string) sarifRule {
	e, _ := contract.Explain(id)
	return sarifRule{ID: id, ShortDescription: sarifMessage{e.Meaning}, FullDescription: sarifMessage{e.Why}, Help: sarifMessage{e.How}}
}

func describeResult(d contract.Diagnostic, rule int, s sources) sarifResult {
	r := sarifResult{
		RuleID: d.Rule, RuleIndex: rule, Level: "error",
		Message: sarifMessage{d.Message + "; " + d.Fix}, Locations: []sarifLocation{locate(d.Pos)},
	}
	for _, other := range d.Related {
		l := locate(other.Pos)
		l.Message = &sarifMessage{other.Message}
		r.RelatedLocations = append(r.RelatedLocations, l)
	}
	if len(d.Edits) > 0 {
		fix := sarifFix{Description: sarifMessage{d.Fix}}
		for _, e := range d.Edits {
			fix.ArtifactChanges = append(fix.ArtifactChanges, sarifChange{artifact(e.File), []sarifReplacement{replacement(e, s.text(e.File))}})
		}
		r.Fixes = []sarifFix{fix}
	}
	return r
}

func locate(p contract.Pos) sarifLocation {
	return sarifLocation{PhysicalLocation: sarifPhysical{artifact(p.File), sarifRegion{StartLine: p.Line, StartColumn: p.Column}}}
}

// artifact names a file as a URI reference, relative if the file was named so.
func artifact(file string) sarifArtifact {
	u := url.URL{Path: filepath.ToSlash(file)}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return sarifArtifact{u.String()}
}

func replacement(e contract.Edit, text []byte) sarifReplacement {
	var r sarifReplacement
	r.DeletedRegion.StartLine, r.DeletedRegion.StartColumn = contract.Position(text, e.Start)
	r.DeletedRegion.EndLine, r.DeletedRegion.EndColumn = contract.Position(text, e.End)
	r.InsertedContent.Text = e.Text
	return r
}

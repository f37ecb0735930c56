package main

import (
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/contract/evolution"
)

// reportJSON is a judgement as machines read it.
type reportJSON struct {
	Node    string         `json:"node"`
	Old     string         `json:"old,omitempty"`
	New     string         `json:"new,omitempty"`
	Needed  evolution.Rise `json:"needed"`
	Rose    evolution.Rise `json:"rose"`
	Next    string         `json:"next,omitempty"`
	OK      bool           `json:"ok"`
	Changes []changeJSON   `json:"changes"`
}

type changeJSON struct {
	Key     string           `json:"key"`
	Path    string           `json:"path"`
	Old     string           `json:"old,omitempty"`
	New     string           `json:"new,omitempty"`
	Impact  evolution.Impact `json:"impact"`
	Rise    evolution.Rise   `json:"rise"`
	InPlace bool             `json:"in_place"`
	Why     string           `json:"why"`
	Fix     string           `json:"fix,omitempty"`
	File    string           `json:"file"`
	Line    int              `json:"line"`
	Column  int              `json:"column"`
}

func reportsJSON(reports []evolution.Report) any {
	ok := true
	list := make([]reportJSON, 0, len(reports))
	for _, r := range reports {
		ok = ok && r.OK()
		list = append(list, reportJSON{
			Node: r.Node, Old: r.Old, New: r.New, Needed: r.Needed, Rose: r.Rose, Next: r.Next, OK: r.OK(), Changes: changesJSON(r.Changes),
		})
	}
	return struct {
		OK    bool         `json:"ok"`
		Nodes []reportJSON `json:"nodes"`
	}{ok, list}
}

func changesJSON(changes []evolution.Change) []changeJSON {
	list := make([]changeJSON, 0, len(changes))
	for _, c := range changes {
		list = append(list, changeJSON{
			Key: c.Key, Path: c.Path, Old: c.Old, New: c.New, Impact: c.Impact, Rise: c.Rise, InPlace: c.InPlace,
			Why: c.Why, Fix: c.Fix, File: c.At.File, Line: c.At.Line, Column: c.At.Column,
		})
	}
	return list
}

// sortedNames returns the names of files, sorted.
func sortedNames(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

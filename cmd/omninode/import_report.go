package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/omninode-ai/omninode/dialect/omnibase"
)

// share is how many values of a file got which verdict.
type share struct {
	Values  int     `json:"values"`
	Carried int     `json:"carried"`
	Derived int     `json:"derived"`
	Refused int     `json:"refused"`
	Kept    float64 `json:"carried_or_derived_percent"`
}

func (s *share) add(f *omnibase.File) {
	s.Values += len(f.Leaves)
	s.Carried += f.Count(omnibase.Carried)
	s.Derived += f.Count(omnibase.Derived)
	s.Refused += f.Count(omnibase.Refused)
	s.Kept = percent(s.Carried+s.Derived, s.Values)
}

// percent rounds to a tenth.
func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64((2000*n+of)/(2*of)) / 10
}

type importedFile struct {
	Name     string           `json:"file"`
	Nodes    []string         `json:"nodes,omitempty"` // the contracts written for it, its own first
	Share    share            `json:"share"`
	Keys     []*omnibase.Leaf `json:"keys"`
	Assumed  []string         `json:"assumed,omitempty"`
	Problems []string         `json:"problems,omitempty"`
}

type importReport struct {
	Imported  int            `json:"imported"`
	Contracts int            `json:"contracts"`
	Total     share          `json:"total"`
	Files     []importedFile `json:"files"`
}

func importJSON(res omnibase.Result) importReport {
	r := importReport{Contracts: len(res.Contracts), Files: []importedFile{}}
	for _, f := range res.Files {
		one := importedFile{Name: f.Name, Nodes: f.Nodes, Keys: f.Leaves, Assumed: f.Assumed}
		for _, d := range f.Problems {
			one.Problems = append(one.Problems, d.String())
		}
		one.Share.add(f)
		r.Total.add(f)
		if len(f.Problems) == 0 {
			r.Imported++
		}
		r.Files = append(r.Files, one)
	}
	return r
}

// printImport prints what was refused, what was assumed and a table of shares.
func (a *app) printImport(res omnibase.Result, o importOptions) error {
	for _, f := range res.Files {
		a.printAccount(f, o.all)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEYS\tCARRIED\tDERIVED\tREFUSED\tFILE")
	var total share
	imported := 0
	for _, f := range res.Files {
		var s share
		s.add(f)
		total.add(f)
		verdict := a.paint(a.stdout, red, "not imported")
		if len(f.Problems) == 0 {
			imported++
			verdict = a.paint(a.stdout, green, strings.Join(f.Nodes, " "))
		}
		printShare(w, s, printable(filepath.Base(f.Name))+" > "+verdict)
	}
	printShare(w, total, a.paint(a.stdout, bold, "total"))
	if err := w.Flush(); err != nil {
		return err
	}
	verb := "written to"
	if o.dryRun {
		verb = "to be written to"
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s: %d of %d imported, %s %s %s\n", a.paint(a.stdout, bold, "import"), imported, len(res.Files),
		count(len(res.Contracts), "contract"), verb, o.out)
	return err
}

func printShare(w *tabwriter.Writer, s share, name string) {
	fmt.Fprintf(w, "%d\t%.1f %%\t%.1f %%\t%.1f %%\t%s\n", s.Values, percent(s.Carried, s.Values), percent(s.Derived, s.Values), percent(s.Refused, s.Values), name)
}

// printAccount lists what a file's keys became, each with its place.
func (a *app) printAccount(f *omnibase.File, all bool) {
	for _, d := range f.Problems {
		fmt.Fprintf(a.stdout, "%s:%d:%d: %s: %s; %s\n", printable(d.File), d.Line, d.Column, a.paint(a.stdout, red, d.Rule), printable(d.Message), d.Fix)
	}
	if len(f.Problems) > 0 {
		return
	}
	for _, l := range f.Leaves {
		place := fmt.Sprintf("%s:%d:%d: ", printable(f.Name), l.Line, l.Column)
		switch {
		case l.Verdict == omnibase.Refused:
			fmt.Fprintf(a.stdout, "%s%s: %s: %s; %s\n", place, a.paint(a.stdout, yellow, l.Verdict), printable(l.Path), printable(l.Why), printable(l.Fix))
		case all && l.Verdict == omnibase.Derived:
			fmt.Fprintf(a.stdout, "%s%s: %s: %s\n", place, l.Verdict, printable(l.Path), printable(l.Why))
		case all:
			fmt.Fprintf(a.stdout, "%s%s: %s > %s\n", place, a.paint(a.stdout, green, l.Verdict), printable(l.Path), printable(l.Target))
		}
	}
	for _, text := range f.Assumed {
		fmt.Fprintf(a.stdout, "%s: assumed: %s\n", printable(f.Name), printable(text))
	}
	fmt.Fprintln(a.stdout)
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/omninode-ai/omninode/internal/rehearsal"
)

// printRehearsal prints a report and makes a difference the exit code.
func (a *app) printRehearsal(r *rehearsal.Report, q replaying) error {
	if q.asJSON {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else if err := a.printReport(r); err != nil {
		return err
	}
	switch {
	case r.Unequal > 0:
		return &failure{
			Exit: exitDiffers, Code: codeReplayDiffers,
			Err:    fmt.Errorf("%s of %s would have been otherwise, in %s", count(r.Unequal, "result"), r.Node, count(r.KeyCount, "key")),
			Remedy: "if that is what the change is for, nothing; else compare an input with omninode why EVENT",
		}
	case r.Inputs == 0 && r.Unplayed == 0:
		return mistake(codeReplayNothing, fmt.Errorf("there is nothing to compare: node %s has handled no input between %s and %s that the log still holds", r.Node, q.from, q.to), "another --from")
	}
	return nil
}

func (a *app) printReport(r *rehearsal.Report) error {
	fmt.Fprintf(a.stdout, "%s %s of the working tree, on %s from %s to %s\n\n", a.paint(a.stdout, bold, r.Node), r.Version, count(r.Inputs, "input"), r.From, r.To)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	n := func(sort string) int { return r.Counts[sort] }
	fmt.Fprintf(w, "outputs\t%d equal, %d changed, %d added, %d missing\n", r.Equal, n(rehearsal.OutputChanged), n(rehearsal.OutputAdded), n(rehearsal.OutputMissing))
	fmt.Fprintf(w, "states\t%d equal, %d changed\n", r.States, n(rehearsal.StateChanged))
	fmt.Fprintf(w, "inputs\t%d with another result\n", n(rehearsal.ResultChanged))
	for _, row := range []struct {
		n    int
		text string
	}{
		{r.WarmUp, "earlier inputs were played for the states they lead to, and not compared"},
		{r.LeftOut, "inputs were not played: they were given up by a person, a clock or a wait"},
		{r.Unplayed, "keys were not compared: their first inputs are no longer both in the inbox and in the log"},
		{r.Unknown, "outputs were not compared: retention has shortened their topic"},
	} {
		if row.n > 0 {
			fmt.Fprintf(w, "note\t%d %s\n", row.n, row.text)
		}
	}
	if r.Isolated != "" {
		fmt.Fprintf(w, "note\tthe program could have used the network: %s\n", r.Isolated)
	}
	for _, path := range slices.Sorted(maps.Keys(r.FieldCounts)) {
		fmt.Fprintf(w, "differs\t%d × %s\n", r.FieldCounts[path], clean(path, 120))
	}
	fmt.Fprintf(w, "ignored\t%s\n", strings.Join(r.Ignored, ", "))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, d := range r.Differences {
		a.printDifference(d)
	}
	if left := r.Unequal - len(r.Differences); left > 0 && len(r.Differences) > 0 {
		fmt.Fprintf(a.stdout, "\nand %d more: --limit %d\n", left, r.Unequal)
	}
	return nil
}

func (a *app) printDifference(d rehearsal.Difference) {
	what := strings.ReplaceAll(d.Sort, "_", " ")
	if d.Type != "" {
		what += " " + clean(d.Type, 100)
	}
	fmt.Fprintf(a.stdout, "\n%s  %s", a.paint(a.stdout, yellow, what), a.paint(a.stdout, bold, clean(d.Key, 100)))
	if d.Input != "" {
		fmt.Fprintf(a.stdout, "  input %s  %s", clean(d.Input, 200), clean(d.EventID, 100))
	}
	fmt.Fprintln(a.stdout)
	if d.Recorded != "" || d.Now != "" {
		fmt.Fprintf(a.stdout, "  %s → %s\n", a.paint(a.stdout, red, clean(d.Recorded, 300)), a.paint(a.stdout, green, clean(d.Now, 300)))
	}
	for _, f := range d.Fields {
		fmt.Fprintf(a.stdout, "  %s  %s → %s\n", clean(f.Path, 120), a.paint(a.stdout, red, clean(string(f.Recorded), 200)), a.paint(a.stdout, green, clean(string(f.Now), 200)))
	}
}

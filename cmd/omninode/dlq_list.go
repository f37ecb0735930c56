package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/onex/engine"
)

func newDLQListCommand(a *app) *cobra.Command {
	var f letterFilter
	var brokers string
	var limit int
	var asJSON bool
	c := &cobra.Command{
		Use:   "list NODE",
		Short: "count the dead letters of a node by topic and class, and list the latest",
		Long: "list counts letters that nothing was done with yet, and lists the latest of them. With --json it prints\n" +
			"one line for each letter, so that wc -l is their number.",
		Example: "  omninode dlq list payment\n" +
			"  omninode dlq list payment --class exhausted --since 2h --error timeout\n" +
			"  omninode dlq list payment --json | jq -r .id",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			now := time.Now()
			if err := f.settle(c, now); err != nil {
				return err
			}
			cluster, err := a.openCluster(brokers)
			if err != nil {
				return err
			}
			defer cluster.Close()
			box, err := a.letters(c.Context(), cluster, args[0], f.Filter, nothing)
			if err != nil {
				return err
			}
			letters := box.Select(f.Filter)
			if asJSON {
				return a.printLetterLines(letters)
			}
			return a.printLetters(box, letters, limit, now)
		},
	}
	f.flags(c)
	brokersFlag(c, &brokers)
	c.Flags().BoolVar(&f.All, "all", false, "also letters that were replayed or dropped")
	c.Flags().IntVar(&limit, "limit", 20, "list at most so many")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one line for each letter")
	return c
}

// letterJSON is a letter as machines read it.
type letterJSON struct {
	ID            string               `json:"id"`
	Place         string               `json:"place"` // of the letter
	Status        deadletter.Status    `json:"status"`
	Class         engine.Class         `json:"class"`
	Input         string               `json:"input"`
	Key           string               `json:"key"`
	Error         string               `json:"error"`
	Attempts      int                  `json:"attempts"`
	Replays       int                  `json:"replays"`
	Origin        string               `json:"origin"` // where the record was first
	Node          string               `json:"node"`
	Version       string               `json:"version"`
	Instance      string               `json:"instance"`
	FirstFailure  time.Time            `json:"first_failure"`
	Time          time.Time            `json:"time"`
	Envelope      engine.EnvelopeState `json:"envelope"`
	EventID       string               `json:"event_id"`
	EventType     string               `json:"event_type"`
	CorrelationID string               `json:"correlation_id"`
	CausationID   string               `json:"causation_id"`
	Cut           bool                 `json:"cut"`
	Size          int                  `json:"size"`
	Mark          *markJSON            `json:"mark,omitempty"`
	Headers       map[string]string    `json:"headers,omitempty"` // of the record; only shown
	Payload       json.RawMessage      `json:"payload,omitempty"` // only shown, and only JSON
}

type markJSON struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}

func jsonOf(l deadletter.Letter) letterJSON {
	j := letterJSON{
		ID: l.ID, Place: l.Record.Place().String(), Status: l.Status, Class: l.Class, Input: l.Input(), Key: l.Record.Key,
		Error: l.Error, Attempts: l.Attempts, Replays: l.Replays, Origin: l.Origin.String(),
		Node: l.Node, Version: l.Version, Instance: l.Instance, FirstFailure: l.FirstFailure, Time: l.Time,
		Envelope: l.Envelope, EventID: l.EventID, EventType: l.EventType,
		CorrelationID: l.CorrelationID, CausationID: l.CausationID, Cut: l.Cut, Size: l.Size,
	}
	if l.Status != deadletter.Open {
		j.Mark = &markJSON{l.Mark.By, l.Mark.Reason, l.Mark.Time}
	}
	return j
}

func (a *app) printLetterLines(letters []deadletter.Letter) error {
	for _, l := range letters {
		line, err := json.Marshal(jsonOf(l))
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s\n", line)
	}
	return nil
}

// letterCount is a row of the summary.
type letterCount struct {
	topic, class   string
	n              int
	newest, oldest time.Time
}

func countLetters(letters []deadletter.Letter) []*letterCount {
	counts := map[string]*letterCount{}
	for _, l := range letters {
		at := l.Record.Topic + " " + string(l.Class)
		row := counts[at]
		if row == nil {
			row = &letterCount{topic: l.Record.Topic, class: string(l.Class), oldest: l.Time}
			counts[at] = row
		}
		row.n++
		row.newest = l.Time
	}
	rows := make([]*letterCount, 0, len(counts))
	for _, at := range slices.Sorted(maps.Keys(counts)) {
		rows = append(rows, counts[at])
	}
	return rows
}

func (a *app) printLetters(box *deadletter.Box, letters []deadletter.Letter, limit int, now time.Time) error {
	if len(letters) == 0 {
		fmt.Fprintf(a.stdout, "%s no dead letters of %s among %s\n", a.paint(a.stdout, green, "ok"), box.Node, count(len(box.Letters), "letter"))
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tCLASS\tLETTERS\tNEWEST\tOLDEST")
	for _, row := range countLetters(letters) {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", row.topic, row.class, row.n, ago(now.Sub(row.newest)), ago(now.Sub(row.oldest)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	latest := slices.Clone(letters[max(0, len(letters)-max(limit, 0)):])
	slices.Reverse(latest)
	fmt.Fprintln(a.stdout)
	if err := a.printLetterTable(latest, now); err != nil {
		return err
	}
	if n := len(letters) - len(latest); n > 0 {
		fmt.Fprintf(a.stdout, "and %d more: --limit %d\n", n, len(letters))
	}
	return nil
}

func (a *app) printLetterTable(letters []deadletter.Letter, now time.Time) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tAGE\tSTATUS\tCLASS\tINPUT\tKEY\tATTEMPTS\tREPLAYS\tERROR")
	for _, l := range letters {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", l.ID, ago(now.Sub(l.Time)), l.Status, l.Class, l.Input(),
			clean(l.Record.Key, 40), l.Attempts, l.Replays, clean(l.Line(80), 80))
	}
	return w.Flush()
}

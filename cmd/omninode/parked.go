package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	codeParked   = "ONEX_PARKED_001_DATABASE"
	codeNoParked = "ONEX_PARKED_002_NO_SUCH_RECORD"
	codeBehind   = "ONEX_PARKED_003_NOT_ITS_TURN"
	codeChanged  = "ONEX_PARKED_004_CHANGED_MEANWHILE"
	codeUnasked  = "ONEX_PARKED_005_UNCONFIRMED"
)

func newParkedCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "parked",
		Short: "list, retry and skip the records of a node that wait: failed, early or halted",
		Long: "parked shows what a node put aside: records that failed and wait for their next attempt, that came\n" +
			"before the state that takes them, whose key is halted, and those behind them. It works on the node's\n" +
			"schema, while the node runs.",
	}
	c.AddCommand(newParkedListCommand(a), newParkedShowCommand(a), newParkedRetryCommand(a), newParkedSkipCommand(a))
	return c
}

// desk is where a person works on a node's schema.
type desk struct {
	contract *contract.Contract
	store    *postgres.Store
}

// openDesk connects to the schema of a node as the role that administers the database.
func (a *app) openDesk(ctx context.Context, node, url string) (*desk, error) {
	c, err := a.contractOf(node)
	if err != nil {
		return nil, err
	}
	return a.deskOf(ctx, c, url)
}

// contractOf returns the contract of a node of the fleet.
func (a *app) contractOf(node string) (*contract.Contract, error) {
	fleet, err := a.fleet()
	if err != nil {
		return nil, err
	}
	return a.find(fleet, node)
}

func (a *app) deskOf(ctx context.Context, c *contract.Contract, url string) (*desk, error) {
	url, err := a.databaseURL(url)
	if err != nil {
		return nil, err
	}
	dial, err := a.dialer()
	if err != nil {
		return nil, err
	}
	derived := contract.Derive(c)
	store, err := postgres.Open(ctx, postgres.Config{URL: url, Schema: derived.Database.Schema, Group: derived.Group, Instance: "omninode", Dial: dial})
	if err != nil {
		return nil, databaseFailure(codeParked, err)
	}
	if err := store.CheckSchema(ctx); err != nil {
		store.Close()
		if _, ok := errors.AsType[*postgres.SchemaError](err); ok {
			return nil, mistake(codeParked, err, "omninode migrate up")
		}
		return nil, databaseFailure(codeParked, err)
	}
	return &desk{c, store}, nil
}

func newParkedListCommand(a *app) *cobra.Command {
	var url, key, reason string
	var all, asJSON bool
	c := &cobra.Command{
		Use:     "list NODE",
		Short:   "list what is parked: one line per key, with how many records wait behind it",
		Example: "  omninode parked list payment\n  omninode parked list payment --reason halted\n  omninode parked list payment --key order-7 --all",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reasons := []string{"", "retry", "early", "behind", "halted"}; !slices.Contains(reasons, reason) {
				return usage(c, fmt.Errorf("--reason %s: retry, early, behind, halted are known", reason))
			}
			d, err := a.openDesk(c.Context(), args[0], url)
			if err != nil {
				return err
			}
			defer d.store.Close()
			list, err := d.store.Waiting(c.Context(), postgres.WaitingQuery{Key: key, Reason: engine.Reason(reason), All: all || reason == "behind"})
			if err != nil {
				return databaseFailure(codeParked, err)
			}
			if asJSON {
				return a.printJSON(parkedRecords(list))
			}
			return a.printParked(parkedRecords(list))
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().StringVar(&key, "key", "", "only of this key")
	c.Flags().StringVar(&reason, "reason", "", "only for this reason: retry, early, behind, halted")
	c.Flags().BoolVar(&all, "all", false, "records behind others as well")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// parkedRecord is a parked record for people and machines.
type parkedRecord struct {
	ID        int64             `json:"id"`
	Key       string            `json:"key"`
	Reason    engine.Reason     `json:"reason"`
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Attempts  int               `json:"attempts"`
	Since     time.Time         `json:"since"`
	Next      *time.Time        `json:"next_attempt"` // null: until the record before it is done, or a person acts
	Error     string            `json:"error"`
	First     int64             `json:"first"`  // the record it waits behind, or itself
	Behind    int               `json:"behind"` // records that wait behind it
	Headers   map[string]string `json:"headers,omitempty"`
	Value     string            `json:"value,omitempty"`
}

func parkedRecords(list []postgres.Waiting) []parkedRecord {
	records := make([]parkedRecord, 0, len(list))
	for _, w := range list {
		r := parkedRecord{
			ID: w.ID, Key: w.Record.Key, Reason: w.Reason, Topic: w.Record.Topic, Partition: w.Record.Partition, Offset: w.Record.Offset,
			Attempts: w.Attempts, Since: w.Since.UTC(), Error: w.Error, First: w.First, Behind: w.Behind,
		}
		if !w.Next.IsZero() {
			r.Next = new(w.Next.UTC())
		}
		records = append(records, r)
	}
	return records
}

func (a *app) printParked(list []parkedRecord) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is parked")
		return err
	}
	now := time.Now()
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKEY\tREASON\tFOR\tATTEMPTS\tNEXT\tBEHIND IT\tTOPIC\tERROR")
	for _, r := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%d\t%s\t%s\n", r.ID, oneLine(r.Key, 40), r.Reason, age(now.Sub(r.Since)),
			r.Attempts, r.due(now), r.Behind, r.Topic, oneLine(r.Error, 80))
	}
	return w.Flush()
}

// due says when the next attempt is.
func (r parkedRecord) due(now time.Time) string {
	switch {
	case r.Next == nil && r.Reason == engine.Halted:
		return "a person"
	case r.Next == nil:
		return fmt.Sprintf("after %d", r.First)
	case !r.Next.After(now):
		return "now"
	}
	return "in " + age(r.Next.Sub(now))
}

// age shows a duration in its two largest units.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// oneLine shows text that others wrote: without control characters, and not too much of it.
func oneLine(text string, limit int) string {
	var b strings.Builder
	for i, r := range []rune(strings.ToValidUTF8(text, "?")) {
		switch {
		case i == limit:
			return b.String() + "…"
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

func newParkedShowCommand(a *app) *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NODE ID",
		Short:   "print one parked record: where it comes from, why it waits, its headers and payload",
		Example: "  omninode parked show payment 42 --json | jq .value",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := parkedIDs(c, args[1:])
			if err != nil {
				return err
			}
			d, err := a.openDesk(c.Context(), args[0], url)
			if err != nil {
				return err
			}
			defer d.store.Close()
			list, err := d.choose(c.Context(), postgres.WaitingQuery{IDs: ids})
			if err != nil {
				return err
			}
			r := parkedRecords(list)[0]
			r.Headers, r.Value = map[string]string{}, asText(list[0].Record.Value)
			for _, h := range list[0].Record.Headers {
				r.Headers[h.Key] = asText(h.Value)
			}
			if asJSON {
				return a.printJSON(r)
			}
			return a.printParkedRecord(r)
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func parkedIDs(c *cobra.Command, args []string) ([]int64, error) {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return nil, usage(c, fmt.Errorf("%q is no id: parked list shows them", arg))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// asText returns bytes as text, or quoted if they are none.
func asText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strconv.Quote(string(b))
}

func (a *app) printParkedRecord(r parkedRecord) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"id", strconv.FormatInt(r.ID, 10)},
		{"key", oneLine(r.Key, 1000)},
		{"reason", string(r.Reason)},
		{"from", fmt.Sprintf("%s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)},
		{"since", r.Since.Format(time.RFC3339)},
		{"attempts", strconv.Itoa(r.Attempts)},
		{"next attempt", r.due(time.Now())},
		{"behind it", strconv.Itoa(r.Behind)},
		{"error", cmp.Or(oneLine(r.Error, 2000), "none")},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(w, "header %s\t%s\n", oneLine(name, 80), oneLine(r.Headers[name], 1000))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s\n", oneLine(r.Value, 4000))
	return err
}

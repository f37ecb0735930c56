package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/cause"
	"github.com/omninode-ai/omninode/internal/painted"
	"github.com/omninode-ai/omninode/onex/event"
)

const (
	codeWhyMalformed = "ONEX_WHY_001_MALFORMED"
	codeWhyNotFound  = "ONEX_WHY_002_NOT_FOUND"
	codeWhyDatabase  = "ONEX_WHY_003_DATABASE"
)

// whyWindow is how far back the log is read: as long as inboxes remember what was handled.
const whyWindow = 7 * 24 * time.Hour

// asking is what the flags of why say.
type asking struct {
	brokers, database, format, out string

	since             time.Duration
	limit             int
	asJSON, all, bare bool
}

func newWhyCommand(a *app) *cobra.Command {
	var q asking
	c := &cobra.Command{
		Use:   "why EVENT|NODE/KEY|TOPIC/PARTITION/OFFSET",
		Short: "tell what caused an event or a state, and all that followed from it",
		Long: "why draws the causal tree of an event: up to its root, and down to every consequence: events, what each\n" +
			"node did with them, the states that changed, steps of workflows, parked records and dead letters. What was\n" +
			"asked for is marked. An event is named by its id, by the place of a record, or by a key of a node; of a\n" +
			"key with several trees a list is printed.\n\n" +
			"It reads the log ($ONEX_KAFKA_BROKERS) and the schemas of the nodes ($DATABASE_URL), and changes nothing.",
		Example: "  omninode why 7b0c6c8e-3f7e-5a43-9a35-0d7c4f0f6f5e\n" +
			"  omninode why orders/018f3c1a-7f42-7a10-8a44-000000000001 --since 2h\n" +
			"  omninode why onex.dlq.payment.charge-card.v1/0/17 --json | jq '.entries[] | select(.kind == \"dead_letter\")'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "svg", "mermaid"}, q.format) {
				return usage(c, fmt.Errorf("--format %s: text, svg and mermaid are known", q.format))
			}
			if q.since <= 0 || q.limit <= 0 {
				return usage(c, errors.New("--since and --limit must be more than nothing"))
			}
			return a.why(c.Context(), args[0], q)
		},
	}
	f := c.Flags()
	brokersFlag(c, &q.brokers)
	a.databaseFlag(c, &q.database)
	f.DurationVar(&q.since, "since", whyWindow, "how far back the log is read")
	f.IntVar(&q.limit, "limit", 20000, "read at most so many records of one tree")
	f.BoolVar(&q.bare, "no-database", false, "ask the log alone: states, inboxes and parked records stay unknown")
	f.BoolVar(&q.all, "all", false, "of a key: draw all of its trees in place of a list")
	f.StringVar(&q.format, "format", "text", "text, svg or mermaid")
	f.StringVarP(&q.out, "output", "o", "", "file to write to")
	f.BoolVar(&q.asJSON, "json", false, "print JSON")
	return c
}

// why answers one question.
func (a *app) why(ctx context.Context, asked string, q asking) error {
	if err := wellFormed(asked); err != nil {
		return mistake(codeWhyMalformed, err, "omninode dlq list NODE --json, or omninode why NODE/KEY")
	}
	fleet, err := a.fleet()
	if err != nil {
		return err
	}
	cluster, err := a.openCluster(q.brokers)
	if err != nil {
		return err
	}
	defer cluster.Close()
	rows, end, err := a.schemas(ctx, fleet, q)
	if err != nil {
		return err
	}
	defer end()
	f, err := cause.NewFleet(fleet, cluster, rows)
	if err != nil {
		return err
	}
	limits := cause.Limits{Since: time.Now().Add(-q.since), Records: q.limit}
	node, key, ofKey := strings.Cut(asked, "/")
	if _, place := cause.ParsePlace(asked); ofKey && !place {
		return a.whyKey(ctx, f, node, key, limits, q)
	}
	t, err := f.Trace(ctx, asked, limits)
	if err != nil {
		return a.notTold(err, q)
	}
	return a.printTree(t, q)
}

// wellFormed refuses what names neither an event nor a key nor a place.
func wellFormed(asked string) error {
	switch node, key, ofKey := strings.Cut(asked, "/"); {
	case asked == "", len(asked) > 2*event.MaxAttribute:
		return fmt.Errorf("an event's id has 1 to %d characters", event.MaxAttribute)
	case strings.ContainsFunc(asked, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%q holds what is no part of an id or a key", asked)
	case strings.HasPrefix(asked, namespace) && ofKey:
		if _, ok := cause.ParsePlace(asked); !ok {
			return fmt.Errorf("%q is no place: TOPIC/PARTITION/OFFSET", asked)
		}
	case ofKey && !event.ValidName(node):
		return fmt.Errorf("%q is no NODE/KEY: %q is no name of a node", asked, node)
	case ofKey && key == "":
		return fmt.Errorf("%q names no key: NODE/KEY", asked)
	case !ofKey && event.ValidName(asked) && !strings.ContainsAny(asked, "0123456789"):
		return fmt.Errorf("%q is no event's id; of a node, a key is asked for: %[1]s/KEY", asked)
	}
	return nil
}

// schemas opens the schema of each node that has one.
func (a *app) schemas(ctx context.Context, fleet *contract.Fleet, q asking) (rows map[string]cause.Rows, end func(), err error) {
	rows = map[string]cause.Rows{}
	var open []*desk
	end = func() {
		for _, d := range open {
			d.store.Close()
		}
	}
	for _, c := range fleet.Contracts {
		if c.Kind == contract.Compute || q.bare {
			continue
		}
		d, err := a.deskOf(ctx, c, q.database)
		if err != nil {
			end()
			return nil, nil, err
		}
		open = append(open, d)
		rows[c.Node] = d.store
	}
	return rows, end, nil
}

// notTold says why there is no answer.
func (a *app) notTold(err error, q asking) error {
	switch {
	case errors.Is(err, cause.ErrNoNode):
		return mistake(codeNoSuch, err, "omninode list")
	case errors.Is(err, cause.ErrNotFound):
		return mistake(codeWhyNotFound, fmt.Errorf("%w: in none of the fleet's topics of the last %s", err, q.since),
			fmt.Sprintf("look further back with --since %s; what retention removed is gone; or the id belongs to another cluster or fleet", 4*q.since))
	case errors.Is(err, cause.ErrLog):
		return unreachable(err)
	}
	return databaseFailure(codeWhyDatabase, err)
}

// whyKey answers for a key: with its tree, or with a list if it has several.
func (a *app) whyKey(ctx context.Context, f *cause.Fleet, node, key string, l cause.Limits, q asking) error {
	chains, err := f.Chains(ctx, node, key, l)
	if err != nil {
		return a.notTold(err, q)
	}
	if len(chains) > 1 && !q.all {
		return a.printChains(node, key, chains, q)
	}
	for i, c := range chains {
		t, err := f.Trace(ctx, c.EventID, l)
		if err != nil {
			return a.notTold(err, q)
		}
		t.Asked = node + "/" + key
		if i > 0 && !q.asJSON {
			fmt.Fprintln(a.stdout)
		}
		if err := a.printTree(t, q); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printChains(node, key string, chains []cause.Chain, q asking) error {
	if q.asJSON {
		return a.printJSON(chains)
	}
	fmt.Fprintf(a.stdout, "key %s of %s is part of %s:\n\n", clean(key, 100), node, count(len(chains), "causal tree"))
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIRST\tLAST\tEVENTS\tTYPES\tASK FOR")
	for _, c := range chains {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", c.First.Format(time.RFC3339), c.Last.Format(time.RFC3339), c.Events,
			clean(strings.Join(c.Types, ", "), 120), clean(c.EventID, 100))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\nomninode why EVENT draws one, --all draws all\n")
	return err
}

func (a *app) printTree(t *cause.Tree, q asking) error {
	switch {
	case q.asJSON:
		return a.printJSON(t)
	case q.format == "svg":
		return a.writeOut(q.out, t.SVG())
	case q.format == "mermaid":
		return a.writeOut(q.out, t.Mermaid())
	}
	return a.writeOut(q.out, []byte(a.paintLines(t.Lines(), q.out != "")+a.account(t, q)))
}

// paintLines colours lines for a terminal.
func (a *app) paintLines(lines []painted.Line, plain bool) string {
	var b strings.Builder
	for _, l := range lines {
		for _, s := range l {
			b.WriteString(a.tone(s, plain))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// tone colours a piece of a line for a terminal.
func (a *app) tone(s painted.Span, plain bool) string {
	styles := map[painted.Tone]style{
		painted.Faint: "\x1b[2m", painted.Title: bold, painted.Good: green, painted.Bad: red, painted.Wait: yellow, painted.Mark: magenta,
	}
	look, known := styles[s.Tone]
	if plain || !known || s.Text == "" {
		return s.Text
	}
	return a.paint(a.stdout, look, s.Text)
}

// account says how much was found, and whether something is missing.
func (a *app) account(t *cause.Tree, q asking) string {
	kinds := map[cause.Kind]int{}
	for _, e := range t.Entries {
		kinds[e.Kind]++
	}
	text := fmt.Sprintf("\n%s and %s, %s; correlation %s\n", count(kinds[cause.Event], "event"), count(kinds[cause.Command], "command"),
		count(kinds[cause.DeadLetter], "dead letter"), cmp.Or(clean(t.CorrelationID, 100), "unknown"))
	switch {
	case t.Truncated:
		text += a.paint(a.stdout, yellow, "incomplete:") + fmt.Sprintf(" the tree has more than %d records: --limit\n", q.limit)
	case !t.Complete && !t.Whole:
		text += a.paint(a.stdout, yellow, "incomplete:") + fmt.Sprintf(" the log was read for the last %s: --since %s looks further back\n", q.since, 4*q.since)
	case !t.Complete:
		text += a.paint(a.stdout, yellow, "incomplete:") + " the log holds nothing older: retention removed what is missing, or it was never sent\n"
	}
	return text
}

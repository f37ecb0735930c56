package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/internal/kafka"
)

const shownPayload = 16 << 10 // bytes of a payload that is shown

func newDLQShowCommand(a *app) *cobra.Command {
	var brokers string
	var asJSON, payload bool
	c := &cobra.Command{
		Use:   "show NODE ID",
		Short: "tell the story of one dead letter, and what to do next",
		Long: "show prints why a record was buried, where it came from, its place in the causal chain, its headers and\n" +
			"its payload. ID is that of dlq list, the beginning of it, or topic/partition/offset of the letter.\n" +
			"With --payload it prints nothing but the payload: all of it, also of a letter that was cut, as long as\n" +
			"the record still is where it came from.",
		Example: "  omninode dlq show payment 3f9a1c22\n  omninode dlq show payment 3f9a --payload | jq .",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := a.openCluster(brokers)
			if err != nil {
				return err
			}
			defer cluster.Close()
			f := deadletter.Filter{IDs: args[1:]}
			box, err := a.letters(c.Context(), cluster, args[0], f, f.Matches)
			if err != nil {
				return err
			}
			l := box.Select(f)[0]
			switch {
			case payload:
				return a.printPayload(c.Context(), cluster, l)
			case asJSON:
				return a.printJSON(wholeJSON(l))
			}
			return a.printLetter(l, time.Now())
		},
	}
	brokersFlag(c, &brokers)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&payload, "payload", false, "print the payload as it is, and nothing else")
	return c
}

func wholeJSON(l deadletter.Letter) letterJSON {
	j := jsonOf(l)
	j.Headers = map[string]string{}
	for _, h := range l.Original().Headers {
		j.Headers[h.Key] = string(h.Value)
	}
	if json.Valid(l.Record.Value) {
		j.Payload = l.Record.Value
	}
	return j
}

// printPayload prints the payload of the record, from where it came from if the letter was cut.
func (a *app) printPayload(ctx context.Context, cluster *kafka.Client, l deadletter.Letter) error {
	value := l.Record.Value
	if l.Cut {
		r, ok, err := cluster.ReadRecord(ctx, l.Origin)
		switch {
		case err != nil:
			return unreachable(err)
		case !ok || !bytes.HasPrefix(r.Value, value):
			return mistake(codeNoLetter, fmt.Errorf("the record is not at %s any more, and the letter holds only its first %d bytes", l.Origin, len(value)), "")
		}
		value = r.Value
	}
	_, err := a.stdout.Write(value)
	return err
}

func (a *app) printLetter(l deadletter.Letter, now time.Time) error {
	fmt.Fprintf(a.stdout, "%s %s, %s\n%s\n", a.paint(a.stdout, bold, l.ID), a.paint(a.stdout, red, string(l.Class)), l.Status, clean(l.Error, 1200))
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w)
	when := func(at time.Time) string { return at.UTC().Format(time.RFC3339) + ", " + ago(now.Sub(at)) + " ago" }
	rows := [][2]string{
		{"letter", l.Record.Place().String()},
		{"came from", l.Origin.String()},
		{"given up by", strings.TrimSpace(l.Node + " " + l.Version + " " + l.Instance)},
		{"first failure", when(l.FirstFailure)},
		{"given up", when(l.Time)},
		{"attempts", strconv.Itoa(l.Attempts)},
		{"replays", strconv.Itoa(l.Replays)},
		{"key", clean(l.Record.Key, 200)},
		{"envelope", string(l.Envelope)},
	}
	if l.Status != deadletter.Open {
		rows = append(rows, [2]string{string(l.Status), when(l.Mark.Time) + " by " + l.Mark.By + " " + l.Mark.Reason})
	}
	if l.Cut {
		rows = append(rows, [2]string{"cut", "the record was too large to be kept whole; all of it, if it is still there: --payload"})
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	a.printHeaders(w, l)
	if err := w.Flush(); err != nil {
		return err
	}
	a.printChain(l)
	a.printValue(l)
	fmt.Fprintf(a.stdout, "\n%s %s\n", a.paint(a.stdout, bold, "next:"), l.Next())
	return nil
}

func (a *app) printHeaders(w *tabwriter.Writer, l deadletter.Letter) {
	const most = 40
	fmt.Fprintf(w, "\nheaders\n")
	headers := l.Original().Headers
	for _, h := range headers[:min(len(headers), most)] {
		fmt.Fprintf(w, "  %s\t%s\n", clean(h.Key, 60), clean(string(h.Value), 200))
	}
	if n := len(headers) - most; n > 0 {
		fmt.Fprintf(w, "  and %d more\n", n)
	}
}

// printChain draws what the letter tells of its causal chain: the root, what caused it, itself.
func (a *app) printChain(l deadletter.Letter) {
	fmt.Fprintf(a.stdout, "\ncausal chain\n")
	if l.EventID == "" {
		fmt.Fprintln(a.stdout, "  unknown: the envelope could not be read")
		return
	}
	steps := []string{cmp.Or(l.CorrelationID, "unknown") + "  the root"}
	if l.CausationID != l.CorrelationID {
		steps = append(steps, "…", cmp.Or(l.CausationID, "unknown")+"  its cause")
	}
	this := l.EventID + "  " + cmp.Or(l.EventType, "of unknown type") + ", buried by " + l.Node
	if l.EventID == l.CorrelationID {
		steps = []string{this + ", itself the root"}
	} else {
		steps = append(steps, this)
	}
	for i, s := range steps {
		indent := "  "
		if i > 0 {
			indent += strings.Repeat("   ", i-1) + "└─ "
		}
		fmt.Fprintf(a.stdout, "%s%s\n", indent, clean(s, 600))
	}
}

func (a *app) printValue(l deadletter.Letter) {
	fmt.Fprintf(a.stdout, "\npayload, %s\n", count(l.Size, "byte"))
	var pretty bytes.Buffer
	text := string(l.Record.Value[:min(len(l.Record.Value), shownPayload)])
	if len(l.Record.Value) <= shownPayload && json.Indent(&pretty, l.Record.Value, "", "  ") == nil {
		text = pretty.String()
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(a.stdout, "  %s\n", clean(line, 400))
	}
	if l.Size > shownPayload {
		fmt.Fprintln(a.stdout, "  … all of it: --payload")
	}
}

// clean renders foreign text in one line of at most n characters that no terminal takes for commands.
func clean(text string, n int) string {
	text = strings.TrimRight(text, "\n")
	if !utf8.ValidString(text) {
		text = strings.Trim(strconv.QuoteToASCII(text), `"`)
	}
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text))
	if len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return string(runes)
}

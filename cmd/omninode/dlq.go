package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

const (
	codeNoLetters          = "ONEX_DLQ_001_NO_TOPIC"
	codeNoLetter           = "ONEX_DLQ_002_NO_SUCH_LETTER"
	codeNotAll             = "ONEX_DLQ_003_REFUSED"
	codeOvertaken          = "ONEX_DLQ_004_OVERTAKEN"
	codeLetterSend         = "ONEX_DLQ_005_NOT_SENT"
	codeLettersUnconfirmed = "ONEX_DLQ_006_UNCONFIRMED"
)

func newDLQCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "dlq",
		Short: "read the dead letters of a node, replay them or drop them",
		Long: "dlq asks a cluster ($ONEX_KAFKA_BROKERS) for the inputs that a node could not handle. It needs no\n" +
			"contracts. docs/dead-letters.md says what the classes mean and what a replay is.",
	}
	c.AddCommand(newDLQListCommand(a), newDLQShowCommand(a), newDLQReplayCommand(a), newDLQDropCommand(a))
	return c
}

// letterFilter is a filter as flags.
type letterFilter struct {
	deadletter.Filter

	class string
	since time.Duration
}

func (f *letterFilter) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.class, "class", "", "only letters of this class, such as exhausted or invalid")
	c.Flags().StringVar(&f.Input, "input", "", "only letters whose message type has this in it")
	c.Flags().StringVar(&f.Key, "key", "", "only letters of this key")
	c.Flags().StringVar(&f.Error, "error", "", "only letters whose error has this text in it")
	c.Flags().StringVar(&f.Correlation, "correlation", "", "only letters of this causal chain")
	c.Flags().DurationVar(&f.since, "since", 0, "only letters that are not older than this, such as 2h")
}

// settle checks the flags.
func (f *letterFilter) settle(c *cobra.Command, now time.Time) error {
	if f.class != "" && !slices.Contains(engine.Classes(), engine.Class(f.class)) {
		return usage(c, fmt.Errorf("--class %s: there are %s", f.class, joined(engine.Classes())))
	}
	f.Class = engine.Class(f.class)
	if f.since > 0 {
		f.Since = now.Add(-f.since)
	}
	return nil
}

func joined[T ~string](list []T) string {
	texts := make([]string, 0, len(list))
	for _, t := range list {
		texts = append(texts, string(t))
	}
	return strings.Join(texts, ", ")
}

// letters reads the letters of a node and refuses ids that name none.
func (a *app) letters(ctx context.Context, cluster *kafka.Client, node string, f deadletter.Filter, keep func(deadletter.Letter) bool) (*deadletter.Box, error) {
	if !event.ValidName(node) {
		return nil, mistake(codeNoLetters, fmt.Errorf("%q is no name of a node", node), "omninode list")
	}
	box, err := deadletter.Read(ctx, cluster, node, keep)
	switch {
	case errors.Is(err, deadletter.ErrNone):
		return nil, mistake(codeNoLetters, fmt.Errorf("%w on this cluster", err), "check the name, and ONEX_KAFKA_BROKERS; the node creates its topics when it starts")
	case err != nil:
		return nil, unreachable(err)
	}
	if unknown := box.Unknown(f.IDs); len(unknown) > 0 {
		return nil, mistake(codeNoLetter, errors.New(strings.Join(unknown, "; ")), "omninode dlq list "+node+" --all")
	}
	for _, u := range box.Unreadable {
		fmt.Fprintf(a.stderr, "%s no dead letter: %s\n", a.paint(a.stderr, yellow, "warning:"), u)
	}
	return box, nil
}

func nothing(deadletter.Letter) bool { return false }

// ago renders how long ago something was, in one unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

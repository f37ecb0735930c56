package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/internal/kafka"
)

// lettersAtOnce is how many letters are settled in one transaction.
const lettersAtOnce = 200

// letterWork is what replay and drop have in common.
type letterWork struct {
	letterFilter

	brokers, by, reason            string
	limit                          int
	everything, yes, dryRun, force bool
	drop                           bool
}

func (w *letterWork) command(a *app, c *cobra.Command) *cobra.Command {
	w.flags(c)
	brokersFlag(c, &w.brokers)
	c.Flags().BoolVar(&w.everything, "everything", false, "all letters that nothing was done with yet")
	c.Flags().IntVar(&w.limit, "limit", 0, "at most so many, the oldest first; 0 is all")
	c.Flags().StringVar(&w.by, "by", "", "who does it, for the record (default $USER)")
	c.Flags().BoolVarP(&w.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&w.dryRun, "dry-run", false, "show what would be done and do nothing")
	c.Args = cobra.MinimumNArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		w.IDs = args[1:]
		if err := w.settle(c, time.Now()); err != nil {
			return err
		}
		if w.IsZero() && !w.everything {
			return usage(c, errors.New("which letters? Give ids, a filter, or --everything"))
		}
		if w.drop && w.reason == "" {
			return usage(c, errors.New("--reason is missing: whoever looks for the record later will want to know"))
		}
		user, _ := a.env("USER")
		w.by = cmp.Or(w.by, user, "unknown")
		return a.workOnLetters(c, args[0], *w)
	}
	return c
}

func newDLQReplayCommand(a *app) *cobra.Command {
	w := &letterWork{}
	c := w.command(a, &cobra.Command{
		Use:   "replay NODE [ID...]",
		Short: "have a node handle dead letters once more",
		Long: "replay shows which letters it would send back, asks, and sends them to onex.replay.NODE in transactions\n" +
			"that also mark them, so that no letter is sent twice, whoever runs it at the same time. A record that was\n" +
			fmt.Sprintf("replayed %d times is refused, unless --force: mend the cause first. The record keeps its id: what is\n", deadletter.MaxReplays) +
			"handled already is not handled again.",
		Example: "  omninode dlq replay payment 3f9a1c22\n" +
			"  omninode dlq replay payment --class exhausted --since 2h --dry-run\n" +
			"  omninode dlq replay payment --everything --yes",
	})
	c.Flags().BoolVar(&w.force, "force", false, fmt.Sprintf("also records that were replayed %d times", deadletter.MaxReplays))
	return c
}

func newDLQDropCommand(a *app) *cobra.Command {
	w := &letterWork{drop: true}
	c := w.command(a, &cobra.Command{
		Use:   "drop NODE [ID...]",
		Short: "mark dead letters as done with",
		Long: "drop marks letters, with who did it and why, so that dlq list shows them no more and dlq replay refuses\n" +
			"them. The letters stay on their topic until its retention ends: dlq list --all shows them.",
		Example: "  omninode dlq drop payment 3f9a1c22 --reason \"refunded by hand, ticket 4711\"",
	})
	c.Flags().StringVar(&w.reason, "reason", "", "why, for the record; required")
	return c
}

// workOnLetters plans, asks and sends. What is planned is read again once nobody else can send any more.
func (a *app) workOnLetters(c *cobra.Command, node string, w letterWork) error {
	cluster, err := a.openCluster(w.brokers)
	if err != nil {
		return err
	}
	defer cluster.Close()
	plan, err := a.planLetters(c.Context(), cluster, node, w)
	if err != nil {
		return err
	}
	if err := a.printLetterPlan(plan, w); err != nil {
		return err
	}
	if len(plan.Do) > 0 && !w.dryRun {
		if !w.yes {
			if err := a.confirm(c.InOrStdin(), codeLettersUnconfirmed, w.verb()+" "+count(len(plan.Do), "letter")+"?"); err != nil {
				return err
			}
		}
		if plan, err = a.settleLetters(c.Context(), cluster, node, w, plan); err != nil {
			return err
		}
	}
	if len(plan.Refused) > 0 {
		return mistake(codeNotAll, fmt.Errorf("%s of %d refused", count(len(plan.Refused), "letter"), len(plan.Refused)+len(plan.Do)), "")
	}
	return nil
}

func (w letterWork) verb() string {
	if w.drop {
		return "drop"
	}
	return "replay"
}

func (a *app) planLetters(ctx context.Context, cluster *kafka.Client, node string, w letterWork) (deadletter.Plan, error) {
	box, err := a.letters(ctx, cluster, node, w.Filter, w.Matches)
	if err != nil {
		return deadletter.Plan{}, err
	}
	letters := box.Select(w.Filter)
	if w.limit > 0 {
		letters = letters[:min(len(letters), w.limit)]
	}
	if w.drop {
		return deadletter.PlanDrop(letters), nil
	}
	topics := map[string]bool{}
	var names []string
	for _, l := range letters {
		if t := l.Origin.Topic; !topics[t] {
			topics[t] = true
			names = append(names, t)
		}
	}
	partitions, err := cluster.Partitions(ctx, names)
	if err != nil {
		return deadletter.Plan{}, unreachable(err)
	}
	return box.PlanReplay(letters, deadletter.Rules{Force: w.force, Partitions: partitions}), nil
}

func (a *app) printLetterPlan(p deadletter.Plan, w letterWork) error {
	if len(p.Do)+len(p.Refused) == 0 {
		fmt.Fprintf(a.stdout, "%s no dead letters to %s\n", a.paint(a.stdout, green, "ok"), w.verb())
		return nil
	}
	if len(p.Do) > 0 {
		fmt.Fprintf(a.stdout, "to %s: %s\n", w.verb(), count(len(p.Do), "letter"))
		if err := a.printLetterTable(p.Do, time.Now()); err != nil {
			return err
		}
	}
	for _, r := range p.Refused {
		fmt.Fprintf(a.stdout, "%s %s: %s\n", a.paint(a.stdout, yellow, "refused"), r.Letter.ID, clean(r.Why, 400))
	}
	return nil
}

// settleLetters claims the right to send, looks again, and sends. Only what was planned before is sent:
// a letter that somebody else settled meanwhile is left out.
func (a *app) settleLetters(ctx context.Context, cluster *kafka.Client, node string, w letterWork, shown deadletter.Plan) (deadletter.Plan, error) {
	x, err := cluster.Claim(ctx, "omninode.dlq."+node)
	if err != nil {
		return shown, unreachable(err)
	}
	defer x.Close()
	w.IDs, w.limit = nil, 0
	for _, l := range shown.Do {
		w.IDs = append(w.IDs, l.Record.Place().String())
	}
	plan, err := a.planLetters(ctx, cluster, node, w)
	if err != nil {
		return shown, err
	}
	for _, r := range plan.Refused {
		fmt.Fprintf(a.stdout, "%s %s: %s\n", a.paint(a.stdout, yellow, "refused"), r.Letter.ID, clean(r.Why, 400))
	}
	done := 0
	for len(plan.Do[done:]) > 0 {
		part := plan.Do[done:min(done+lettersAtOnce, len(plan.Do))]
		if err := x.Send(ctx, w.records(part)); err != nil {
			return plan, notSent(err, w, done, len(plan.Do))
		}
		if done += len(part); done < len(plan.Do) {
			fmt.Fprintf(a.stderr, "%d of %d\n", done, len(plan.Do))
		}
	}
	fmt.Fprintf(a.stdout, "%s %s %s\n", a.paint(a.stdout, green, "ok"), count(done, "letter"), w.done())
	plan.Refused = append(plan.Refused, shown.Refused...)
	return plan, nil
}

func (w letterWork) done() string {
	if w.drop {
		return "dropped"
	}
	return "sent back; omninode dlq list shows those that fail again"
}

func notSent(err error, w letterWork, done, all int) error {
	if errors.Is(err, kafka.ErrOvertaken) {
		return mistake(codeOvertaken, fmt.Errorf("another run of omninode dlq began for this node: %d of %d letters are done", done, all),
			"run this again: what is done is recognised")
	}
	return lacking(codeLetterSend, fmt.Errorf("%s: %d of %d letters are done: %w", w.verb(), done, all, err), "run this again: what is done is recognised")
}

func (w letterWork) records(letters []deadletter.Letter) []kafka.Addressed {
	now := time.Now()
	var list []kafka.Addressed
	for _, l := range letters {
		sent := deadletter.Replay(l, w.by, now)
		if w.drop {
			sent = deadletter.Drop(l, w.by, w.reason, now)
		}
		for _, s := range sent {
			list = append(list, kafka.Addressed{Outgoing: s.Record, Partition: s.Partition})
		}
	}
	return list
}

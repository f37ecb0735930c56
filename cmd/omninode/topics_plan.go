package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/topic"
)

const (
	codeNoBrokers     = "ONEX_TOPICS_001_NO_BROKERS"
	codeCluster       = "ONEX_TOPICS_002_CLUSTER"
	codeTopicsDiffer  = "ONEX_TOPICS_003_DIFFER"
	codeTopicsRefused = "ONEX_TOPICS_004_REFUSED"
	codeUnconfirmed   = "ONEX_TOPICS_005_UNCONFIRMED"
)

// namespace is how the names of all topics of nodes begin.
const namespace = "onex."

func newTopicsPlanCommand(a *app) *cobra.Command {
	var brokers string
	var asJSON, check bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "compare the topics of a cluster with what the contracts want",
		Long: "plan asks the cluster ($ONEX_KAFKA_BROKERS) for every topic of the fleet and says what would be\n" +
			"created, what differs and what changing it would mean for the records that are there. Topics in the\n" +
			"namespace of nodes that no contract names are reported. It changes nothing.",
		Example: "  omninode topics plan\n  omninode topics plan --check    # fails if anything differs",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, err := a.openCluster(brokers)
			if err != nil {
				return err
			}
			defer cluster.Close()
			plan, err := a.planTopics(c.Context(), cluster)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(plan)
			} else {
				err = a.printTopicPlan(plan)
			}
			if err == nil && check && plan.drifted() {
				err = mistake(codeTopicsDiffer, errors.New(plan.sum()), "omninode topics apply")
			}
			return err
		},
	}
	brokersFlag(c, &brokers)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&check, "check", false, "fail if a topic is missing or differs")
	return c
}

func brokersFlag(c *cobra.Command, brokers *string) {
	c.Flags().StringVar(brokers, "brokers", "", "host:port of one or more brokers, separated by commas (default $ONEX_KAFKA_BROKERS)")
}

// openCluster prepares a client of the cluster that the flag names, else of that of the environment.
func (a *app) openCluster(flag string) (*kafka.Client, error) {
	env, _ := a.env("ONEX_KAFKA_BROKERS")
	brokers := strings.FieldsFunc(cmp.Or(flag, env), func(r rune) bool { return r == ',' || r == ' ' })
	if len(brokers) == 0 {
		return nil, mistake(codeNoBrokers, errors.New("which cluster? neither --brokers nor ONEX_KAFKA_BROKERS says"), "export ONEX_KAFKA_BROKERS=HOST:9092")
	}
	dial, err := a.dialer()
	if err != nil {
		return nil, err
	}
	client, err := kafka.Open(kafka.Config{Brokers: brokers, ClientID: "omninode", Log: slog.New(slog.DiscardHandler), Dial: dial})
	if err != nil {
		return nil, mistake(codeNoBrokers, err, "name brokers as host:port")
	}
	return client, nil
}

// topicPlan compares a cluster with the contracts.
type topicPlan struct {
	Topics  []plannedTopic `json:"topics"`  // sorted by name
	Unknown []string       `json:"unknown"` // in the namespace of nodes, but no contract names them
}

// plannedTopic is a topic that a contract names.
type plannedTopic struct {
	Name        string            `json:"topic"`
	Owner       string            `json:"owner"`
	State       string            `json:"state"` // create, ok, differs or unreadable
	Differences []topicDifference `json:"differences"`
	Error       string            `json:"error,omitempty"`

	wanted topic.Topic
}

// topicDifference is what the cluster's topic has otherwise.
type topicDifference struct {
	Property string `json:"property"`
	Has      string `json:"has"`
	Wants    string `json:"wants"`
	Safe     bool   `json:"safe"`
	Why      string `json:"why"`
	Remedy   string `json:"remedy"`

	change kafka.Difference
}

// The states of a planned topic.
const (
	topicCreate     = "create"
	topicOK         = "ok"
	topicDiffers    = "differs"
	topicUnreadable = "unreadable"
)

func (a *app) planTopics(ctx context.Context, cluster *kafka.Client) (*topicPlan, error) {
	fleet, err := a.fleet()
	if err != nil {
		return nil, err
	}
	wanted, owners, named := wantedTopics(fleet)
	found, err := cluster.PlanTopics(ctx, wanted)
	if err != nil {
		return nil, unreachable(err)
	}
	existing, err := cluster.TopicsUnder(ctx, namespace)
	if err != nil {
		return nil, unreachable(err)
	}
	plan := &topicPlan{Unknown: []string{}}
	for _, p := range found {
		plan.Topics = append(plan.Topics, plannedOf(p, owners[p.Topic.Name]))
	}
	for _, name := range existing {
		if !named[name] {
			plan.Unknown = append(plan.Unknown, name)
		}
	}
	return plan, nil
}

// wantedTopics returns every topic that a node of the fleet owns, its owner, and the names of all that
// the contracts mention.
func wantedTopics(f *contract.Fleet) (wanted []topic.Topic, owners map[string]string, named map[string]bool) {
	owners, named = map[string]string{}, map[string]bool{}
	for _, c := range f.Contracts {
		owned, foreign := catalogue.Wanted(c)
		for _, t := range owned {
			owners[t.Name], named[t.Name] = c.Node, true
		}
		for _, name := range foreign {
			named[name] = true
		}
		wanted = append(wanted, owned...)
	}
	slices.SortFunc(wanted, func(a, b topic.Topic) int { return strings.Compare(a.Name, b.Name) })
	return wanted, owners, named
}

func plannedOf(p kafka.Planned, owner string) plannedTopic {
	t := plannedTopic{Name: p.Topic.Name, Owner: owner, State: topicOK, Differences: []topicDifference{}, wanted: p.Topic}
	for _, d := range p.Differences {
		t.Differences = append(t.Differences, topicDifference{
			Property: d.Property, Has: d.Has, Wants: d.Wants, Safe: d.Safe, Why: d.Why, Remedy: d.Remedy, change: d,
		})
	}
	switch {
	case p.Err != nil:
		t.State, t.Error = topicUnreadable, p.Err.Error()
	case !p.Exists:
		t.State = topicCreate
	case len(p.Differences) > 0:
		t.State = topicDiffers
	}
	return t
}

func unreachable(err error) error {
	return lacking(codeCluster, err, "start the cluster, or correct ONEX_KAFKA_BROKERS; a host that is known elsewhere only: ONEX_HOSTS")
}

func (p *topicPlan) count(state string) int {
	n := 0
	for _, t := range p.Topics {
		if t.State == state {
			n++
		}
	}
	return n
}

func (p *topicPlan) drifted() bool { return p.count(topicOK) < len(p.Topics) }

// sum says in one line how the cluster compares.
func (p *topicPlan) sum() string {
	text := fmt.Sprintf("%s: %d ok, %d to create, %d differ", count(len(p.Topics), "topic"), p.count(topicOK), p.count(topicCreate), p.count(topicDiffers))
	if n := p.count(topicUnreadable); n > 0 {
		text += fmt.Sprintf(", %d unreadable", n)
	}
	if n := len(p.Unknown); n > 0 {
		text += fmt.Sprintf("; %d unknown", n)
	}
	return text
}

func (a *app) printTopicPlan(p *topicPlan) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	a.planRow(w, "TOPIC", "OWNER", "STATE", blue, "")
	for _, t := range p.Topics {
		switch t.State {
		case topicCreate:
			a.planRow(w, t.Name, t.Owner, t.State, green, described(t.wanted))
		case topicUnreadable:
			a.planRow(w, t.Name, t.Owner, t.State, red, t.Error)
		case topicDiffers:
			for i, d := range t.Differences {
				name, owner, state := t.Name, t.Owner, t.State
				if i > 0 {
					name, owner, state = "", "", ""
				}
				a.planRow(w, name, owner, state, yellow, a.describedDifference(d))
			}
		default:
			a.planRow(w, t.Name, t.Owner, t.State, cyan, "")
		}
	}
	for _, name := range p.Unknown {
		a.planRow(w, name, "-", "unknown", magenta, "no contract names it; it is left alone")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.stdout, p.sum())
	return err
}

// planRow writes a line. Every state is painted, so that the columns stay in line.
func (a *app) planRow(w io.Writer, name, owner, state string, s style, detail string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, owner, a.paint(a.stdout, s, state), detail)
}

func described(t topic.Topic) string {
	text := count(int(t.Partitions), "partition")
	switch {
	case t.Compact:
		return text + ", compacted"
	case t.Retention > 0:
		return text + ", kept " + catalogue.Duration(t.Retention)
	}
	return text + ", kept as the cluster does"
}

func (a *app) describedDifference(d topicDifference) string {
	mark := a.paint(a.stdout, red, "dangerous")
	if d.Safe {
		mark = a.paint(a.stdout, green, "safe")
	}
	return fmt.Sprintf("%s %s → %s, %s: %s", d.Property, d.Has, d.Wants, mark, d.Why)
}

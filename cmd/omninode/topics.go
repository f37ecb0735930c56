package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/catalogue"
)

func newTopicsCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "topics",
		Short: "list the topics of the fleet: who owns, sends and consumes them",
		Long: "topics lists every topic that follows from the contracts, dead letters included. It asks no broker:\n" +
			"plan and apply do.\n" +
			"(outside) stands for whatever sends external commands and consumes external events.",
		Example: "  omninode topics\n  omninode topics --json | jq '.[] | select(.owner == \"orders\")'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.fleet()
			if err != nil {
				return err
			}
			topics := catalogue.Topics(f)
			if asJSON {
				return a.printJSON(topics)
			}
			return a.printTopics(topics)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(newTopicsPlanCommand(a), newTopicsApplyCommand(a))
	return c
}

func (a *app) printTopics(topics []catalogue.Topic) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tCLASS\tOWNER\tPRODUCERS\tCONSUMERS\tKEY\tPARTITIONS\tRETENTION")
	for _, t := range topics {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", t.Name, t.Class, t.Owner,
			list(t.Producers), list(t.Consumers), t.Key, t.Partitions, cmp.Or(t.Retention, "of the cluster"))
	}
	return w.Flush()
}

// list renders names in one cell of a table.
func list(names []string) string { return cmp.Or(strings.Join(names, ", "), "-") }

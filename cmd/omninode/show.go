package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
)

func newShowCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show NODE",
		Short:   "print what follows from a contract: names, topics, routes, variables, paths, roles",
		Example: "  omninode show payment\n  omninode show payment --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.fleet()
			if err != nil {
				return err
			}
			c, err := a.find(f, args[0])
			if err != nil {
				return err
			}
			s := shown{Derived: contract.Derive(c), Routes: catalogue.Routes(c)}
			if asJSON {
				return a.printJSON(s)
			}
			return a.printShown(s)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// shown is what follows from a contract: names, and what the node does with each input.
type shown struct {
	contract.Derived
	Routes []catalogue.Route `json:"routes"`
}

func (a *app) printShown(d shown) error {
	fmt.Fprintf(a.stdout, "%s %s, %s\n", a.paint(a.stdout, bold, d.Node), d.Version, d.Kind)
	if d.Description != "" {
		fmt.Fprintln(a.stdout, d.Description)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w)
	for _, row := range [][2]string{
		{"Go package", d.Package},
		{"consumer group", d.Group},
		{"Consul service", d.Service + ", instances " + d.ServiceID},
		{"capabilities", cmp.Or(strings.Join(d.Capabilities, ", "), "none")},
		{"Vault path", d.Vault.Mount + "/" + d.Vault.Path + ": " + strings.Join(d.Vault.Fields, ", ")},
		{"Vault credentials", cmp.Or(strings.Join(d.Vault.Credentials, ", "), "none")},
		{"Vault AppRole", d.Vault.Role},
		{"database schema", d.Database.Schema + ", role " + d.Database.Role},
		{"metrics", d.Metrics.Prefix + "* with label node=" + d.Node},
		{"resources", resources(d.Resources)},
		{"instances", instances(d.Scaling)},
		{"checks", cmp.Or(strings.Join(d.Health, ", "), "none")},
		{"contract", "sha256:" + d.SHA256},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	printChannels(w, "consumes", d.Consumes)
	printChannels(w, "produces", d.Produces)
	if d.Snapshots != "" {
		fmt.Fprintf(w, "\nsnapshots\t%s, compacted\n", d.Snapshots)
	}
	if d.Replays != "" {
		fmt.Fprintf(w, "\nreplays of dead letters\n  %s\tsee omninode dlq replay\n", d.Replays)
	}
	printRoutes(w, d.Routes)
	printVariables(w, d.Environment)
	printFlags(w, d.Flags)
	printTicks(w, d.Schedules)
	printACLs(w, d.ACLs)
	return w.Flush()
}

func printTicks(w io.Writer, list []contract.Ticks) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\nschedules\n")
	for _, t := range list {
		fmt.Fprintf(w, "  %s\t%s\tsends %s %s\n", t.Name, t.When, t.Message, t.Data)
	}
}

func printChannels(w io.Writer, title string, list []contract.Channel) {
	fmt.Fprintf(w, "\n%s\n", title)
	for _, ch := range list {
		fmt.Fprintf(w, "  %s %s\t%s\tkey %s%s\n", ch.Class, ch.Message, ch.Topic, ch.Key, topicHints(ch))
		if ch.Description != "" {
			fmt.Fprintf(w, "    says\t%s\n", ch.Description)
		}
		if ch.DeadLetter != "" {
			fmt.Fprintf(w, "    dead letters\t%s\n", ch.DeadLetter)
		}
	}
}

// printRoutes prints the routing table: per input the method that handles it, what that may emit and
// how it is retried.
func printRoutes(w io.Writer, routes []catalogue.Route) {
	fmt.Fprintf(w, "\nroutes\n")
	for _, r := range routes {
		fmt.Fprintf(w, "  %s\t%s\n", r.Input, cmp.Or(strings.Join(r.Handler, ", "), "no method"))
		for _, fact := range [][2]string{
			{"when", r.When},
			{"emits", strings.Join(r.Emits, ", ")},
			{"idempotency key", r.IdempotencyKey},
			{"timeout", r.Timeout},
			{"retry", r.Retry},
			{"batch", r.Batch},
			{"breaker", r.Breaker},
			{"also takes", strings.Join(r.Older, ", ")},
		} {
			if fact[1] != "" {
				fmt.Fprintf(w, "    %s\t%s\n", fact[0], fact[1])
			}
		}
	}
}

// topicHints says what a contract demands of a topic.
func topicHints(ch contract.Channel) string {
	var hints string
	if ch.Partitions > 0 {
		hints += fmt.Sprintf(", %d partitions", ch.Partitions)
	}
	if ch.Retention != "" {
		hints += ", kept " + ch.Retention
	}
	if len(ch.Access) > 0 {
		hints += ", for " + strings.Join(ch.Access, ", ")
	}
	return hints
}

func resources(r *contract.Resources) string {
	if r == nil {
		return "what the cluster gives"
	}
	return r.CPU + " of CPU, " + r.Memory + " of memory"
}

func instances(s *contract.Scaling) string {
	switch {
	case s == nil:
		return "1"
	case s.CPU == 0:
		return strconv.Itoa(s.Min)
	}
	return fmt.Sprintf("%d to %d, more above %d%% of CPU", s.Min, s.Max, s.CPU)
}

func printFlags(w io.Writer, list []contract.FlagNames) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\nflags\n")
	for _, f := range list {
		fmt.Fprintf(w, "  %s, default %t\t%s, Consul %s\t%s\n", f.Key, f.Default, f.Env, f.Path, f.Description)
	}
}

func printACLs(w io.Writer, list []contract.ACL) {
	fmt.Fprintf(w, "\nrights in Kafka\n")
	for _, a := range list {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", a.Principal, a.Operation, a.Resource)
	}
}

func printVariables(w io.Writer, list []contract.Variable) {
	fmt.Fprintf(w, "\nenvironment\n")
	for _, v := range list {
		origin := "required"
		switch {
		case v.Secret:
			origin = "secret, required; best from Vault"
		case v.Default != nil:
			origin = "default " + *v.Default
		}
		fmt.Fprintf(w, "  %s\t%s, %s\t%s\n", v.Name, v.Type, origin, v.Description)
	}
}

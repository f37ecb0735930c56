package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/catalogue"
)

func newListCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "list the nodes of the fleet with kind, version and capabilities",
		Example: "  omninode list\n  omninode list --json | jq '.[] | select(.capabilities | index(\"payment.card\"))'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.fleet()
			if err != nil {
				return err
			}
			nodes := catalogue.Nodes(f)
			if asJSON {
				return a.printJSON(nodes)
			}
			return a.printNodes(nodes)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printNodes(nodes []catalogue.Node) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tKIND\tVERSION\tINPUTS\tOUTPUTS\tCAPABILITIES\tDESCRIPTION")
	for _, n := range nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", n.Name, n.Kind, n.Version, n.Inputs, n.Outputs, list(n.Capabilities), n.Description)
	}
	return w.Flush()
}

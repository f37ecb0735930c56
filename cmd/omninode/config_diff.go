package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/settings"
	"github.com/omninode-ai/omninode/onex/config"
)

func newConfigDiffCommand(a *app) *cobra.Command {
	var g cascading
	c := &cobra.Command{
		Use:   "diff ENV ENV",
		Short: "list the variables that two environments set differently",
		Long: "diff compares the .env files of two environments, with the defaults of the contracts below them. The\n" +
			"process's own environment and the secret store are not asked. Secrets are redacted.",
		Example: "  omninode config diff development production",
		Args:    cobra.ExactArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return a.diffConfig(g, args) },
	}
	c.Flags().StringVar(&g.dir, "env-dir", "", "folder with one folder per environment (default $ONEX_ENV_DIR, else env)")
	c.Flags().BoolVar(&g.json, "json", false, "print JSON")
	return c
}

// difference is a variable that two environments do not agree about; "" is unset.
type difference struct {
	Name   string    `json:"name"`
	Values [2]string `json:"values"`
	Places [2]string `json:"places"`
}

func (a *app) diffConfig(g cascading, envs []string) error {
	contracts, err := a.contracts(nil)
	if err != nil {
		return err
	}
	var files [2]*config.Dotenv
	for i, env := range envs {
		g.env = env
		if files[i], err = a.dotenv(g); err != nil {
			return err
		}
	}
	diffs := differences(files, contracts)
	if g.json {
		return a.printJSON(diffs)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "VARIABLE\t%s\t%s\n", envs[0], envs[1])
	for _, d := range diffs {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, cmp.Or(cell(d.Values[0]), "-"), cmp.Or(cell(d.Values[1]), "-"))
	}
	return w.Flush()
}

// differences compares every variable that a file or a default sets.
func differences(files [2]*config.Dotenv, contracts []*contract.Contract) []difference {
	declared := map[string]config.Setting{}
	for _, c := range contracts {
		for _, s := range settings.Of(c) {
			declared[s.Env] = s
		}
	}
	names := slices.Collect(maps.Keys(declared))
	names = append(append(names, files[0].Names()...), files[1].Names()...)
	slices.Sort(names)
	diffs := []difference{}
	for _, name := range slices.Compact(names) {
		d := difference{Name: name}
		var plain [2]string
		for i, f := range files {
			plain[i], d.Values[i], d.Places[i] = valueOf(f, name, declared[name])
		}
		if plain[0] != plain[1] {
			diffs = append(diffs, d)
		}
	}
	return diffs
}

// valueOf returns a value, what may be shown of it, and where it is.
func valueOf(f *config.Dotenv, name string, s config.Setting) (plain, shown, place string) {
	plain, _ = f.Lookup(name)
	place = f.Place(name)
	if plain == "" && s.Default != nil {
		plain, place = *s.Default, config.SourceDefault
	}
	if plain == "" {
		return "", "", ""
	}
	return plain, config.Shown(plain, s.Secret || config.RuntimeSecret(name)), place
}

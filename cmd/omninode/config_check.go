package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/settings"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
)

func newConfigCheckCommand(a *app) *cobra.Command {
	var g cascading
	c := &cobra.Command{
		Use:   "check [NODE]",
		Short: "say whether everything is complete and valid, without starting anything",
		Long: "check asks the cascade for everything that the contracts and the runtime need, applies the rules of the\n" +
			"contracts, and lists all that is missing or wrong at once, with each place where it may be set.\n" +
			"It fails with exit code 1 if there is something.",
		Example: "  omninode config check --env production\n  omninode config check --env production --no-secrets --json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.checkConfig(c.Context(), g, args) },
	}
	g.flags(c)
	return c
}

func (a *app) checkConfig(ctx context.Context, g cascading, args []string) error {
	contracts, err := a.contracts(args)
	if err != nil {
		return err
	}
	cas, err := a.openCascade(g)
	if err != nil {
		return err
	}
	problems := cas.check(ctx, contracts)
	if g.json {
		if err := a.printJSON(problems); err != nil || len(problems) == 0 {
			return err
		}
		return silent(exitMistake)
	}
	if len(problems) == 0 {
		note := ""
		if g.noSecrets {
			note = ", secrets left out"
		}
		fmt.Fprintf(a.stdout, "%s the configuration of %s is complete and valid%s\n", a.paint(a.stdout, green, "ok"), count(len(contracts), "node"), note)
		return nil
	}
	a.printProblems(problems)
	return mistake(codeConfigIncomplete, errors.New(count(len(problems), "problem")+" in the configuration"), "set what is listed in one of its places")
}

func (c cascade) check(ctx context.Context, contracts []*contract.Contract) []settings.Problem {
	problems := []settings.Problem{}
	if err := onex.CheckEnvironment(c.lookup); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			problems = append(problems, settings.Problem{Kind: "process", Message: line})
		}
	}
	for _, n := range contracts {
		found := settings.Check(ctx, n, c.lookup, c.sources...)
		problems = append(problems, slices.DeleteFunc(found, func(p settings.Problem) bool { return c.skip && isSecret(n, p.Key) })...)
	}
	return problems
}

func isSecret(c *contract.Contract, key string) bool {
	return slices.ContainsFunc(settings.Of(c), func(s config.Setting) bool { return s.Key == key && s.Secret })
}

func (a *app) printProblems(problems []settings.Problem) {
	told := map[string]bool{}
	for _, p := range problems {
		if p.Kind == "unavailable" { // one source for many secrets
			if !told[p.Message] {
				fmt.Fprintf(a.stdout, "%s %s\n", a.paint(a.stdout, red, "secrets:"), p.Message)
			}
			told[p.Message] = true
			continue
		}
		if p.Node == "" {
			fmt.Fprintf(a.stdout, "%s %s\n", a.paint(a.stdout, red, "process:"), p.Message)
			continue
		}
		fmt.Fprintf(a.stdout, "%s %s (%s): %s\n", a.paint(a.stdout, red, p.Node+":"), p.Key, p.Env, p.Message)
		if len(p.Where) > 0 {
			fmt.Fprintf(a.stdout, "  fix: %s\n", strings.Join(p.Where, ", or "))
		}
	}
}

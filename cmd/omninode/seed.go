package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/config"
)

const (
	codeNoStore  = "ONEX_PROVISION_004_NO_SECRET_STORE"
	codeUnseeded = "ONEX_PROVISION_005_MISSING_SECRETS"
	codeSeed     = "ONEX_PROVISION_006_SEED"
)

// seeding is what the flags of seed say.
type seeding struct {
	url, secretsFile, out, nodeDatabase string
	wrapTTL                             time.Duration
	generate, rotate, json              bool
}

func newSeedCommand(a *app) *cobra.Command {
	var s seeding
	c := &cobra.Command{
		Use:   "seed",
		Short: "give every node its secrets, its database password and its login",
		Long: "seed writes into Vault ($VAULT_ADDR, $VAULT_TOKEN), or into a file with --secrets-file:\n\n" +
			"  - database_url of each node, with a random password that it sets on the node's role\n" +
			"  - each secret of the contracts, from the environment variable <NODE>_<KEY>\n" +
			"  - in Vault, a policy and an AppRole per node; its secret id comes from <NODE>_VAULT_SECRET_ID,\n" +
			"    else a new one is wrapped and written to --out\n\n" +
			"Values that exist are kept. Everything that is missing is listed at once, before anything changes.\n" +
			"No value is printed. Run migrate up first: it creates the roles.",
		Example: "  PAYMENT_GATEWAY_TOKEN=… omninode seed --out out/approle\n" +
			"  omninode seed --secrets-file .omninode/secrets.env --generate",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.seed(c.Context(), s) },
	}
	a.databaseFlag(c, &s.url)
	c.Flags().StringVar(&s.secretsFile, "secrets-file", "", "file to write to instead of Vault (default $ONEX_SECRETS_FILE if VAULT_ADDR is not set)")
	c.Flags().StringVar(&s.out, "out", "", "folder for wrapped secret ids, readable by its owner only")
	c.Flags().StringVar(&s.nodeDatabase, "node-database", "", "host:port of the database as the nodes see it (default that of the database URL)")
	c.Flags().DurationVar(&s.wrapTTL, "wrap-ttl", time.Hour, "how long a wrapped secret id may wait to be unwrapped")
	c.Flags().BoolVar(&s.generate, "generate", false, "make random values for secrets that the environment does not give")
	c.Flags().BoolVar(&s.rotate, "rotate", false, "replace database passwords, and secrets for which there is a new value")
	c.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return c
}

func (a *app) seed(ctx context.Context, s seeding) error {
	start := time.Now()
	c, err := a.seedConfig(s)
	if err != nil {
		return err
	}
	report, err := provision.Seed(ctx, c)
	if missing, ok := errors.AsType[*provision.UnseededError](err); ok {
		return mistake(codeUnseeded, missing, "export what is listed, or let --generate make values up")
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return lacking(codeUnwritable, err, "make the folder writable for this user, or choose another one")
	}
	if err != nil {
		return databaseFailure(codeSeed, err)
	}
	if s.json {
		return a.printJSON(report)
	}
	return a.printSeeds(report, start)
}

// seedConfig gathers contracts, flags and environment.
func (a *app) seedConfig(s seeding) (provision.SeedConfig, error) {
	url, err := a.databaseURL(s.url)
	if err != nil {
		return provision.SeedConfig{}, err
	}
	fleet, err := a.fleet()
	if err != nil {
		return provision.SeedConfig{}, err
	}
	dial, err := a.dialer()
	if err != nil {
		return provision.SeedConfig{}, err
	}
	c := provision.SeedConfig{
		AdminURL: url, NodeDatabaseAddr: s.nodeDatabase, Nodes: provision.Nodes(fleet), Dial: dial,
		Lookup: a.env, Generate: s.generate, Rotate: s.rotate,
	}
	return a.secretStore(c, s)
}

// secretStore chooses where secrets go: a file that was asked for, else Vault, else the file that the
// environment names.
func (a *app) secretStore(c provision.SeedConfig, s seeding) (provision.SeedConfig, error) {
	address, _ := a.env("VAULT_ADDR")
	file, _ := a.env("ONEX_SECRETS_FILE")
	switch {
	case s.secretsFile != "":
		c.SecretsFile = s.secretsFile
	case address != "":
		token, _ := a.env("VAULT_TOKEN")
		if token == "" {
			return c, mistake(codeNoStore, fmt.Errorf("VAULT_ADDR is %s, but VAULT_TOKEN is not set", address), "export VAULT_TOKEN=… with a token that may write policies")
		}
		c.Vault = &provision.VaultTarget{Address: address, Token: config.NewSecret(token), Out: s.out, WrapTTL: s.wrapTTL, Dial: c.Dial}
	case file != "":
		c.SecretsFile = file
	default:
		return c, mistake(codeNoStore, errors.New("where to? neither VAULT_ADDR nor --secrets-file says"),
			"export VAULT_ADDR=… VAULT_TOKEN=…, or name a file with --secrets-file")
	}
	return c, nil
}

func (a *app) printSeeds(r provision.SeedReport, start time.Time) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "node\trole\tsecrets\tAppRole secret id")
	for _, n := range r.Nodes {
		var secrets []string
		for _, key := range slices.Sorted(maps.Keys(n.Secrets)) {
			secrets = append(secrets, fmt.Sprintf("%s (%s)", key, n.Secrets[key]))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.Node, n.Role, strings.Join(secrets, ", "), strings.TrimSpace(n.SecretID+" "+n.Wrapped))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s in %s, %d ms\n", count(len(r.Nodes), "node"), r.Store, time.Since(start).Milliseconds())
	return err
}

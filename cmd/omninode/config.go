package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

const (
	codeConfigFiles      = "ONEX_CONFIG_003_FILES"
	codeConfigIncomplete = "ONEX_CONFIG_004_INCOMPLETE"
)

func newConfigCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "say where each setting comes from, what is missing, what differs between environments",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigExplainCommand(a), newConfigCheckCommand(a), newConfigDiffCommand(a))
	return c
}

// cascading says which cascade to ask.
type cascading struct {
	env, dir  string
	noSecrets bool
	json      bool
}

func (g *cascading) flags(c *cobra.Command) {
	c.Flags().StringVar(&g.env, "env", "", "environment whose .env files are read (default $ONEX_ENV, else none)")
	c.Flags().StringVar(&g.dir, "env-dir", "", "folder with one folder per environment (default $ONEX_ENV_DIR, else env)")
	c.Flags().BoolVar(&g.noSecrets, "no-secrets", false, "leave secrets out, where the secret store cannot be asked")
	c.Flags().BoolVar(&g.json, "json", false, "print JSON")
}

// cascade is what nodes would be configured from.
type cascade struct {
	lookup  func(string) (string, bool)
	sources []config.Source
	skip    bool // secrets
}

// openCascade opens the same steps as a node: secret store, environment, .env files.
func (a *app) openCascade(g cascading) (cascade, error) {
	files, err := a.dotenv(g)
	if err != nil {
		return cascade{}, err
	}
	c := cascade{lookup: a.env, sources: []config.Source{config.Environ(a.env)}, skip: g.noSecrets}
	if files != nil {
		c.lookup = files.Under(a.env)
		c.sources = append(c.sources, files.Source())
	}
	if g.noSecrets {
		return c, nil
	}
	store, err := a.secretSource(c.lookup)
	if store != nil {
		c.sources = append([]config.Source{*store}, c.sources...)
	}
	return c, err
}

// dotenv reads the files of the environment that was asked for; nil: none was.
func (a *app) dotenv(g cascading) (*config.Dotenv, error) {
	fromEnv, _ := a.env("ONEX_ENV")
	name := cmp.Or(g.env, fromEnv)
	if name == "" {
		return nil, nil
	}
	if full, ok := environment(name); ok {
		name = full
	}
	dir, _ := a.env("ONEX_ENV_DIR")
	files, err := config.OpenDotenv(cmp.Or(g.dir, dir, "env"), name)
	if err != nil {
		return nil, mistake(codeConfigFiles, err, "correct what is named; --env names a folder below --env-dir")
	}
	return files, nil
}

// contracts returns those of the fleet, or of the one node that is named.
func (a *app) contracts(args []string) ([]*contract.Contract, error) {
	f, err := a.fleet()
	if err != nil || len(args) == 0 {
		if err != nil {
			return nil, err
		}
		return f.Contracts, nil
	}
	c, err := a.find(f, args[0])
	return []*contract.Contract{c}, err
}

// of leaves secrets out if they are not asked for.
func (c cascade) of(list []config.Setting) []config.Setting {
	var kept []config.Setting
	for _, s := range list {
		if !s.Secret || !c.skip {
			kept = append(kept, s)
		}
	}
	return kept
}

// secretSource is where secrets are kept: Vault, else the secrets file, else nil. What cannot be
// opened is a source that fails, as it is for a node.
func (a *app) secretSource(lookup func(string) (string, bool)) (*config.Source, error) {
	if address, _ := lookup("VAULT_ADDR"); address != "" {
		return a.vaultSource(address)
	}
	path, _ := lookup("ONEX_SECRETS_FILE")
	if path == "" {
		return nil, nil
	}
	file, err := secret.OpenFile(path)
	if err != nil {
		return failing("secrets file", err), nil
	}
	src := secret.Source("secrets file", file)
	src.Place = func(string, config.Setting) string { return path }
	return &src, nil
}

func failing(name string, err error) *config.Source {
	return &config.Source{Name: name, SecretsOnly: true, Lookup: func(context.Context, string, config.Setting) (string, bool, error) {
		return "", false, err
	}}
}

// vaultSource reads with the token of the person who asks; a node's own login is not needed.
func (a *app) vaultSource(address string) (*config.Source, error) {
	token, _ := a.env("VAULT_TOKEN")
	if token == "" {
		return failing("vault", errors.New("VAULT_ADDR is "+address+", but VAULT_TOKEN is not set; export one that may read the secrets, or leave them out with --no-secrets")), nil
	}
	dial, err := a.dialer()
	if err != nil {
		return nil, err
	}
	admin, err := vault.OpenAdmin(vault.AdminConfig{Address: address, Token: config.NewSecret(token), Dial: dial})
	if err != nil {
		return nil, err
	}
	r := &vaultReader{admin: admin, nodes: map[string]vaultPath{}}
	return &config.Source{Name: "vault", SecretsOnly: true, Lookup: r.lookup, Where: r.where, Place: r.place}, nil
}

// vaultReader reads each path once.
type vaultReader struct {
	admin *vault.Admin
	nodes map[string]vaultPath
}

type vaultPath struct {
	values  map[string]config.Secret
	version int
	err     error
}

func (r *vaultReader) read(ctx context.Context, node string) vaultPath {
	p, ok := r.nodes[node]
	if !ok {
		p.values, p.version, p.err = r.admin.ReadVersion(ctx, node)
		r.nodes[node] = p
	}
	return p
}

func (r *vaultReader) lookup(ctx context.Context, node string, s config.Setting) (string, bool, error) {
	if s.DatabaseRole != "" {
		found, err := r.admin.HasDatabaseRole(ctx, s.DatabaseRole)
		return "made when the node starts", found, err
	}
	p := r.read(ctx, node)
	v, ok := p.values[s.Key]
	return v.Reveal(), ok, p.err
}

func (r *vaultReader) where(node string, s config.Setting) string {
	if s.DatabaseRole != "" {
		return "make role " + s.DatabaseRole + " in Vault's database engine"
	}
	return fmt.Sprintf("write field %s to Vault at %s/%s", s.Key, vault.Mount, vault.Path(node))
}

func (r *vaultReader) place(node string, s config.Setting) string {
	if s.DatabaseRole != "" {
		return vault.DatabaseMount + "/roles/" + s.DatabaseRole
	}
	return fmt.Sprintf("%s/%s version %d", vault.Mount, vault.Path(node), r.nodes[node].version)
}

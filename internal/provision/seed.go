package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// SeedConfig says whose secrets go where. AdminURL, Nodes and one of Vault and SecretsFile are
// required.
type SeedConfig struct {
	AdminURL         string // of a role that may alter the nodes' roles
	NodeDatabaseAddr string // host:port of the database as the nodes see it; "": that of AdminURL
	Nodes            []Node

	Vault       *VaultTarget
	SecretsFile string

	// Lookup reads the environment: <NODE>_<KEY> holds a secret's value.
	Lookup   func(name string) (string, bool)
	Generate bool // make random values for secrets the environment does not give
	Rotate   bool // replace what is there: database passwords, and secrets with a new value

	Dial Dial         // to the database
	Log  *slog.Logger // nil: discarded
}

// VaultTarget is a Vault to be seeded. Each node's secret id is taken from <NODE>_VAULT_SECRET_ID, so
// that whoever starts the node can hold it; else a new one is wrapped and written to Out.
type VaultTarget struct {
	Address string
	Token   config.Secret
	Out     string        // folder for <node>.wrapped files, only readable by their owner
	WrapTTL time.Duration // how long a wrapped secret id may wait; 0: 1h
	Dial    Dial
}

// SeedReport tells what was done, node by node as given. It holds no values.
type SeedReport struct {
	Store string     `json:"store"`
	Nodes []NodeSeed `json:"nodes"`
}

// NodeSeed is about one node.
type NodeSeed struct {
	Node     string            `json:"node"`
	Role     string            `json:"role"`                // of the database
	Secrets  map[string]Action `json:"secrets"`             // by key
	SecretID string            `json:"secret_id,omitempty"` // Vault: given, kept or wrapped
	Wrapped  string            `json:"wrapped,omitempty"`   // file that holds the wrapped secret id
}

// seeder is one run of Seed.
type seeder struct {
	SeedConfig

	admin *pgx.ConnConfig
	store store
	vault *vault.Admin // nil: a secrets file
}

// Seed gives every node its secrets, database password and login. All values are decided before the
// first is written: if any is missing it returns an *UnseededError that lists all of them and has
// changed nothing.
func Seed(ctx context.Context, c SeedConfig) (SeedReport, error) {
	s, err := newSeeder(c)
	if err != nil {
		return SeedReport{}, err
	}
	if s.vault != nil {
		defer s.vault.Close()
	}
	report := SeedReport{Store: s.store.name()}
	err = exclusive(ctx, s.admin, func(ctx context.Context, conn *pgx.Conn) error {
		plans, err := s.planAll(ctx, conn)
		if err != nil {
			return err
		}
		for _, p := range plans {
			n, err := s.apply(ctx, conn, p)
			if err != nil {
				return fmt.Errorf("seed node %s: %w", p.node.Name, err)
			}
			report.Nodes = append(report.Nodes, n)
			s.Log.InfoContext(ctx, "node seeded", "node", p.node.Name, "changed", slices.Sorted(maps.Keys(p.write)))
		}
		return nil
	})
	return report, err
}

func newSeeder(c SeedConfig) (*seeder, error) {
	s := &seeder{SeedConfig: c}
	if (c.Vault == nil) == (c.SecretsFile == "") {
		return nil, errors.New("seed: name either a Vault or a secrets file")
	}
	for _, n := range c.Nodes {
		if err := checkNode(n.Name); err != nil {
			return nil, err
		}
	}
	if s.Lookup == nil {
		s.Lookup = func(string) (string, bool) { return "", false }
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.admin, err = connConfig(c.AdminURL, c.Dial); err != nil {
		return nil, err
	}
	if c.Vault == nil {
		s.store = fileStore{path: c.SecretsFile}
		return s, nil
	}
	s.vault, err = vault.OpenAdmin(vault.AdminConfig{Address: c.Vault.Address, Token: c.Vault.Token, Dial: c.Vault.Dial})
	s.store = vaultStore{admin: s.vault, address: c.Vault.Address}
	return s, err
}

// planAll plans every node and checks that its role exists, so that nothing is half seeded.
func (s *seeder) planAll(ctx context.Context, conn *pgx.Conn) ([]nodePlan, error) {
	if err := s.store.prepare(ctx); err != nil {
		return nil, err
	}
	var plans []nodePlan
	unseeded := &UnseededError{}
	for _, n := range s.Nodes {
		if err := checkRole(ctx, conn, Schema(n.Name)); err != nil {
			return nil, err
		}
		p, missing, err := s.plan(ctx, n)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
		unseeded.Missing = append(unseeded.Missing, missing...)
		if s.vault != nil && s.secretID(n.Name).IsZero() && s.Vault.Out == "" {
			unseeded.Missing = append(unseeded.Missing, Unseeded{
				Node: n.Name, Key: "AppRole secret id", Env: secretIDName(n.Name), Description: "or name a folder for wrapped ones with --out",
			})
		}
	}
	if len(unseeded.Missing) > 0 {
		return nil, unseeded
	}
	return plans, nil
}

func checkRole(ctx context.Context, conn *pgx.Conn, role string) error {
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND rolname <> current_user AND NOT rolsuper)`, role).Scan(&there); err != nil {
		return fmt.Errorf("look for role %q: %w", role, err)
	}
	if !there {
		return fmt.Errorf("the database has no role %q for the node; run: omninode migrate up", role)
	}
	return nil
}

// apply writes the store before it sets the password: if this is interrupted in between, the next run
// finds the password in the store and sets it.
func (s *seeder) apply(ctx context.Context, conn *pgx.Conn, p nodePlan) (NodeSeed, error) {
	n := NodeSeed{Node: p.node.Name, Role: Schema(p.node.Name), Secrets: p.actions}
	if len(p.write) > 0 {
		if err := s.store.write(ctx, p.node.Name, p.write); err != nil {
			return n, err
		}
	}
	if err := setPassword(ctx, conn, n.Role, p.password); err != nil {
		return n, err
	}
	if s.vault == nil {
		return n, nil
	}
	err := s.admit(ctx, &n, p.node.databaseRoles())
	return n, err
}

// admit lets the node log in to Vault.
func (s *seeder) admit(ctx context.Context, n *NodeSeed, databaseRoles []string) error {
	if err := s.vault.GrantNode(ctx, n.Node, databaseRoles...); err != nil {
		return err
	}
	if id := s.secretID(n.Node); !id.IsZero() {
		fresh, err := s.vault.SetSecretID(ctx, n.Node, id)
		n.SecretID = "kept"
		if fresh {
			n.SecretID = "given"
		}
		return err
	}
	token, err := s.vault.WrapSecretID(ctx, n.Node, cmp.Or(s.Vault.WrapTTL, time.Hour))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Vault.Out, 0o700); err != nil {
		return fmt.Errorf("make the folder for wrapped secret ids: %w", err)
	}
	n.SecretID, n.Wrapped = "wrapped", filepath.Join(s.Vault.Out, n.Node+".wrapped")
	return writePrivate(n.Wrapped, []byte(token.Reveal()+"\n"))
}

func secretIDName(node string) string { return secret.Name(node, "vault_secret_id") }

func (s *seeder) secretID(node string) config.Secret {
	id, _ := s.Lookup(secretIDName(node))
	return config.NewSecret(id)
}

// Package provision prepares what a fleet finds when it starts: the database's schemas, roles and
// tables (Migrate), and its secrets and logins in Vault or in a file (Seed). The command line and the
// embedded stack use it; a node never does, it only checks what it finds.
//
// Both may be repeated at any time and heal what an interrupted run left behind. Two runs on one
// database wait for each other. Nothing here logs or reports a secret's value.
package provision

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/migrations"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/event"
)

// Node is what provisioning needs to know about a node.
type Node struct {
	Name    string
	Secrets []Secret // of the contract; DatabaseURL comes by itself
}

// Secret is a secret a node's contract names.
type Secret struct {
	Key          string
	Description  string
	DatabaseRole string // Vault makes user name and password when the node starts; "": the value is stored
}

// keys returns the names of the values the secret consists of.
func (s Secret) keys() []string {
	if s.DatabaseRole == "" {
		return []string{s.Key}
	}
	return []string{s.Key + config.UsernameSuffix, s.Key + config.PasswordSuffix}
}

// databaseRoles returns the roles that credentials are made for.
func (n Node) databaseRoles() []string {
	var roles []string
	for _, s := range n.Secrets {
		if s.DatabaseRole != "" {
			roles = append(roles, s.DatabaseRole)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// DatabaseURL is the key of the secret every node has besides its contract's.
const DatabaseURL = "database_url"

// Nodes returns the nodes of a fleet.
func Nodes(f *contract.Fleet) []Node {
	nodes := make([]Node, 0, len(f.Contracts))
	for _, c := range f.Contracts {
		n := Node{Name: c.Node}
		for _, s := range c.Secrets {
			n.Secrets = append(n.Secrets, Secret{Key: s.Key, Description: s.Description, DatabaseRole: s.DatabaseRole})
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// Schema returns the name of a node's schema, which is its role's too.
func Schema(node string) string { return strings.ReplaceAll(node, "-", "_") }

// checkNode refuses names whose schema or role means something else to Postgres or to the fleet.
func checkNode(node string) error {
	schema := Schema(node)
	taken := []string{migrations.FleetSchema, "public", "none", "information_schema", "postgres"}
	switch {
	case !event.ValidName(node):
		return fmt.Errorf("node %q: not a valid name", node)
	case slices.Contains(taken, schema) || strings.HasPrefix(schema, "pg_"):
		return fmt.Errorf("node %q: schema and role %q are taken by the database; choose another name", node, schema)
	}
	return nil
}

// Dial opens connections to the database; nil dials the URL's host.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

const (
	connectTimeout = 5 * time.Second
	lockWait       = 2 * time.Minute // for another run to end

	// lockID is the advisory lock that runs on one database take: "onex" in ASCII.
	lockID = 0x6f6e6578
)

func connConfig(adminURL string, dial Dial) (*pgx.ConnConfig, error) {
	cc, err := pgx.ParseConfig(adminURL)
	if err != nil {
		return nil, fmt.Errorf("parse the administrator's database url: %w", withoutURL(err))
	}
	cc.ConnectTimeout = connectTimeout
	cc.RuntimeParams["application_name"] = "omninode provision"
	if dial != nil {
		cc.DialFunc = pgconn.DialFunc(dial)
		cc.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	return cc, nil
}

// withoutURL keeps the reason of a parse error but not the URL, which holds a password.
func withoutURL(err error) error {
	var bad *pgconn.ParseConfigError
	if errors.As(err, &bad) && bad.Unwrap() != nil {
		return bad.Unwrap()
	}
	return errors.New("it is not a valid postgres:// url")
}

// exclusive runs do on a connection that holds the fleet's lock on the database.
func exclusive(ctx context.Context, cc *pgx.ConnConfig, do func(context.Context, *pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // gives the lock back
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if _, err := conn.Exec(wait, "SELECT pg_advisory_lock($1)", lockID); err != nil {
		return fmt.Errorf("wait for another migration or seeding of this database to end: %w", err)
	}
	return do(ctx, conn)
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// Action says what Seed did with a secret.
type Action string

// The actions.
const (
	Kept      Action = "kept"      // it was there
	Given     Action = "given"     // taken from the environment
	Generated Action = "generated" // a random value, or a URL with a random password
	Moved     Action = "moved"     // a database URL with its password kept and its address changed
	Issued    Action = "issued"    // Vault makes it when the node starts
)

// nodePlan is what Seed will do for one node; nothing is done before every node has a complete one.
type nodePlan struct {
	node     Node
	password config.Secret            // of the role, as in the database URL
	write    map[string]config.Secret // what changes in the store
	actions  map[string]Action        // of every key
}

// plan decides every value of a node and returns what has none.
func (s *seeder) plan(ctx context.Context, n Node) (nodePlan, []Unseeded, error) {
	have, err := s.store.read(ctx, n.Name, keys(n))
	if err != nil {
		return nodePlan{}, nil, err
	}
	p := nodePlan{node: n, write: map[string]config.Secret{}, actions: map[string]Action{}}
	var missing []Unseeded
	for _, sec := range n.Secrets {
		switch {
		case sec.Key == DatabaseURL:
		case sec.DatabaseRole != "" && s.vault != nil:
			p.actions[sec.Key] = Issued
		default:
			missing = append(missing, s.planSecret(&p, sec, have)...)
		}
	}
	s.planDatabase(&p, have[DatabaseURL])
	return p, missing, nil
}

// planSecret decides the values of a secret and returns those that have none.
func (s *seeder) planSecret(p *nodePlan, sec Secret, have map[string]config.Secret) []Unseeded {
	var missing []Unseeded
	for _, key := range sec.keys() {
		value, action := s.choose(p.node.Name, key, have[key])
		if value.IsZero() {
			missing = append(missing, Unseeded{Node: p.node.Name, Key: key, Env: secret.Name(p.node.Name, key), Description: sec.Description})
			continue
		}
		p.set(key, value, action)
	}
	return missing
}

func (p *nodePlan) set(key string, value config.Secret, action Action) {
	p.actions[key] = action
	if action != Kept {
		p.write[key] = value
	}
}

// choose returns a contract secret's value: what is there unless Rotate has a new one, then what the
// environment gives, then a random one if that is wanted.
func (s *seeder) choose(node, key string, have config.Secret) (config.Secret, Action) {
	if !have.IsZero() && !s.Rotate {
		return have, Kept
	}
	if given, _ := s.Lookup(secret.Name(node, key)); given != "" {
		if given == have.Reveal() {
			return have, Kept
		}
		return config.NewSecret(given), Given
	}
	if s.Generate && have.IsZero() { // never over what somebody else may have given out
		return config.NewSecret(rand.Text()), Generated
	}
	return have, Kept
}

// planDatabase keeps the password of the URL that is there, so that seeding again heals a database
// that lost it, and makes a new one otherwise.
func (s *seeder) planDatabase(p *nodePlan, have config.Secret) {
	role := Schema(p.node.Name)
	old, err := url.Parse(have.Reveal())
	if err == nil && !s.Rotate && old.User != nil && old.User.Username() == role {
		if password, ok := old.User.Password(); ok && password != "" {
			p.password = config.NewSecret(password)
		}
	}
	action := Moved
	if p.password.IsZero() {
		p.password, action = config.NewSecret(rand.Text()), Generated
	}
	u := s.databaseURL(role, p.password)
	if u.Reveal() == have.Reveal() {
		action = Kept
	}
	p.set(DatabaseURL, u, action)
}

// databaseURL is the administrator's URL with the role instead and the address the nodes use.
func (s *seeder) databaseURL(role string, password config.Secret) config.Secret {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password.Reveal()),
		Host: cmp.Or(s.NodeDatabaseAddr, address(s.admin)), Path: "/" + s.admin.Database,
	}
	if mode := s.sslMode(); mode != "" {
		u.RawQuery = url.Values{"sslmode": {mode}}.Encode()
	}
	return config.NewSecret(u.String())
}

func address(cc *pgx.ConnConfig) string {
	return net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port)))
}

func (s *seeder) sslMode() string {
	u, err := url.Parse(s.AdminURL)
	if err != nil {
		return ""
	}
	return u.Query().Get("sslmode")
}

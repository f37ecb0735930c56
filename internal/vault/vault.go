// Package vault reads secrets from HashiCorp Vault for one process, and sets Vault up for a fleet
// (Admin). It implements onex/secret.
//
// Secrets live in a KV v2 mount, one path per node with a field per key (Path). The store logs in
// by AppRole, by JWT or with a given token, keeps its token alive, logs in again when that ends, and
// uses what it read for a few minutes at most.
// Every call is bounded: a sealed or blocked Vault answers with an error, never with silence.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// Where a fleet's secrets and logins are.
const (
	Mount     = "secret"  // KV v2
	AuthMount = "approle" // AppRole
)

// Path returns the path of a node's secrets within Mount.
func Path(node string) string { return "omninode/" + node }

// Role returns the name of a node's AppRole and policy, which is its role id as well.
func Role(node string) string { return "omninode-" + node }

// Config opens a Store. Address and exactly one of AppRole, JWT and Token are required.
type Config struct {
	Address string // URL (VAULT_ADDR)

	AppRole AppRole // a role id and a secret id
	JWT     JWT     // a role and a signed token, such as that of a Kubernetes service account
	Token   Token   // a token as it is

	// Dial opens connections; nil is a net.Dialer. It is where host names are overridden.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout  time.Duration // of each call; 0: 5s
	CacheTTL time.Duration // how long a secret that was read is used; 0: 5m
	Log      *slog.Logger  // nil: discarded

	// Lost is told what keeps the credentials of a database role from being prolonged, and nil when
	// they are prolonged again. It is called in the background; nil: nobody is told.
	Lost func(role string, problem error)
}

// Store reads secrets with the rights of one login. It is safe for concurrent use.
type Store struct {
	client   *client
	cacheTTL time.Duration
	log      *slog.Logger

	logging sync.Mutex
	login   login

	mu     sync.Mutex
	cache  map[string]cached // by path
	token  *api.Secret       // of the last login
	health error

	fresh chan struct{} // told when token changed

	issuer *issuer
	lost   func(role string, problem error)

	life   sync.Mutex
	cancel context.CancelFunc // nil: not running
	done   chan struct{}
}

type cached struct {
	fields map[string]string
	until  time.Time
}

var (
	_ secret.Store   = (*Store)(nil)
	_ secret.Locator = (*Store)(nil)
	_ secret.Renewer = (*Store)(nil)
)

// Open logs in. It returns a *secret.UnavailableError if Vault cannot be reached, is sealed
// (ErrSealed) or refuses the login, and a *WrapError if the wrapped secret id may have been seen by
// somebody else.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Address == "" {
		return nil, errors.New("vault: no address; export VAULT_ADDR=http://host:8200")
	}
	l, err := c.login()
	if err != nil {
		return nil, err
	}
	cl, err := newClient(c.Address, config.Secret{}, c.Dial, c.Timeout)
	if err != nil {
		return nil, err
	}
	s := &Store{
		client: cl, login: l, log: c.Log,
		cacheTTL: cmp.Or(c.CacheTTL, 5*time.Minute),
		cache:    map[string]cached{}, fresh: make(chan struct{}, 1),
		issuer: newIssuer(), lost: c.Lost,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.logIn(ctx); err != nil {
		cl.closeIdle()
		return nil, err
	}
	return s, nil
}

// Get returns the field key of the node's path. A path or field that does not exist is absent; a
// path this role may not read is an error.
func (s *Store) Get(ctx context.Context, node, key string) (string, bool, error) {
	path := Path(node)
	s.mu.Lock()
	c, ok := s.cache[path]
	s.mu.Unlock()
	if !ok || time.Now().After(c.until) {
		fields, err := s.read(ctx, path)
		if err != nil {
			return "", false, err
		}
		c = cached{fields: fields, until: time.Now().Add(s.cacheTTL)}
		s.mu.Lock()
		s.cache[path] = c
		s.mu.Unlock()
	}
	v, found := c.fields[key]
	return v, found && v != "", nil
}

// Renew implements secret.Renewer: what was read is forgotten, so that the next Get of a path asks Vault.
func (s *Store) Renew(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cache)
	return nil
}

// Where tells people the place in Vault.
func (s *Store) Where(node, key string) string {
	return fmt.Sprintf("write field %s to Vault at %s/%s", key, Mount, Path(node))
}

// read reads a path; a token that was refused may have been revoked or have ended.
func (s *Store) read(ctx context.Context, path string) (map[string]string, error) {
	var fields map[string]string
	_, err := s.authorized(ctx, func() (_ *api.Secret, err error) {
		fields, err = s.client.readKV(ctx, path)
		return nil, err
	})
	return fields, err
}

// authorized asks, and once more after a new login if the token was refused.
func (s *Store) authorized(ctx context.Context, ask func() (*api.Secret, error)) (*api.Secret, error) {
	got, err := ask()
	if !isStatus(err, http.StatusForbidden) {
		return got, err
	}
	if err := s.logIn(ctx); err != nil {
		return nil, err
	}
	return ask()
}

// logIn gets a new token. One login at a time, so that the client's token is s.token.
func (s *Store) logIn(ctx context.Context) error {
	s.logging.Lock()
	defer s.logging.Unlock()
	token, err := s.login.logIn(ctx, s.client)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = err
	if err != nil {
		return err
	}
	s.token = token
	s.issuer.nudge()
	select {
	case s.fresh <- struct{}{}:
	default: // one notice is enough
	}
	return nil
}

// Health returns nil while the store has a token, else why the last login failed. It does no I/O.
func (s *Store) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// Package vault reads secrets from HashiCorp Vault for one process, logged in by AppRole, and sets
// Vault up for a fleet (Admin). It implements onex/secret.
//
// Secrets live in a KV v2 mount, one path per node with a field per key (Path). The store keeps its
// own token alive, logs in again when that ends, and uses what it read for a few minutes at most.
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
	"os"
	"strings"
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

// Config opens a Store. Address, RoleID and one of the secret ids are required.
type Config struct {
	Address string // URL (VAULT_ADDR)
	RoleID  string // VAULT_ROLE_ID

	SecretID        config.Secret // VAULT_SECRET_ID
	SecretIDFile    string        // VAULT_SECRET_ID_FILE; read at every login
	WrappedSecretID config.Secret // VAULT_WRAPPED_SECRET_ID: a token that wraps the secret id, used once
	RoleName        string        // whose secret ids the wrapping token may hold; "": RoleID

	// Dial opens connections; nil is a net.Dialer. It is where host names are overridden.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout  time.Duration // of each call; 0: 5s
	CacheTTL time.Duration // how long a secret that was read is used; 0: 5m
	Log      *slog.Logger  // nil: discarded
}

func (c Config) validate() error {
	switch {
	case c.Address == "":
		return errors.New("vault: no address; export VAULT_ADDR=http://host:8200")
	case c.RoleID == "":
		return errors.New("vault: no role id; export VAULT_ROLE_ID=omninode-<node>")
	case c.SecretID.IsZero() && c.SecretIDFile == "" && c.WrappedSecretID.IsZero():
		return errors.New("vault: no secret id; export VAULT_SECRET_ID, VAULT_SECRET_ID_FILE or VAULT_WRAPPED_SECRET_ID")
	}
	return nil
}

// Store reads secrets with the rights of one AppRole. It is safe for concurrent use.
type Store struct {
	client   *client
	config   Config
	secretID config.Secret // unwrapped or given; empty: in SecretIDFile
	cacheTTL time.Duration
	log      *slog.Logger

	logging sync.Mutex

	mu     sync.Mutex
	cache  map[string]cached // by path
	login  *api.Secret       // of the current token
	health error

	fresh chan struct{} // told when login changed

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
)

// Open logs in. It returns a *secret.UnavailableError if Vault cannot be reached, is sealed
// (ErrSealed) or refuses the login, and a *WrapError if the wrapped secret id may have been seen by
// somebody else.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	cl, err := newClient(c.Address, config.Secret{}, c.Dial, c.Timeout)
	if err != nil {
		return nil, err
	}
	s := &Store{
		client: cl, config: c, secretID: c.SecretID, log: c.Log,
		cacheTTL: cmp.Or(c.CacheTTL, 5*time.Minute),
		cache:    map[string]cached{}, fresh: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.begin(ctx); err != nil {
		cl.closeIdle()
		return nil, err
	}
	return s, nil
}

func (s *Store) begin(ctx context.Context) error {
	if wrapped := s.config.WrappedSecretID; !wrapped.IsZero() {
		id, err := s.client.unwrapSecretID(ctx, cmp.Or(s.config.RoleName, s.config.RoleID), wrapped)
		if err != nil {
			return err
		}
		s.secretID = id
	}
	return s.logIn(ctx)
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

// Where tells people the place in Vault.
func (s *Store) Where(node, key string) string {
	return fmt.Sprintf("write field %s to Vault at %s/%s", key, Mount, Path(node))
}

// read reads a path, and once more after a new login if the token was refused: it may have been
// revoked or have ended.
func (s *Store) read(ctx context.Context, path string) (map[string]string, error) {
	fields, err := s.client.readKV(ctx, path)
	if !isStatus(err, http.StatusForbidden) {
		return fields, err
	}
	if err := s.logIn(ctx); err != nil {
		return nil, err
	}
	return s.client.readKV(ctx, path)
}

// logIn gets a new token. One login at a time, so that the client's token is the one s.login is about.
func (s *Store) logIn(ctx context.Context) error {
	s.logging.Lock()
	defer s.logging.Unlock()
	login, err := s.tryLogIn(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = err
	if err != nil {
		return err
	}
	s.login = login
	select {
	case s.fresh <- struct{}{}:
	default: // one notice is enough
	}
	return nil
}

func (s *Store) tryLogIn(ctx context.Context) (*api.Secret, error) {
	id := s.secretID
	if id.IsZero() {
		text, err := os.ReadFile(s.config.SecretIDFile)
		if err != nil {
			return nil, fmt.Errorf("read secret id of Vault: %w", err)
		}
		id = config.NewSecret(strings.TrimSpace(string(text)))
	}
	return s.client.logIn(ctx, s.config.RoleID, id)
}

// Health returns nil while the store has a token, else why the last login failed. It does no I/O.
func (s *Store) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

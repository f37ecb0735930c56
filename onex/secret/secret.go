// Package secret is the port to where a node's secrets are kept, with the adapter that reads them
// from a file. Vault implements the same port in internal/vault; package secrettest is the suite
// that both must pass.
//
// A store is the first step of the configuration cascade (package config). It is only ever read
// through this port; writing secrets is a matter of provisioning.
package secret

import (
	"context"
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/onex/config"
)

// Store reads secrets. Implementations are safe for concurrent use and bound every call in time.
type Store interface {
	// Get returns the secret key of node, or false if there is none. An error means that the store
	// cannot tell, which must never be treated as absence.
	Get(ctx context.Context, node, key string) (value string, found bool, err error)
}

// Locator is implemented by stores that can tell people where a secret belongs.
type Locator interface {
	// Where returns the place in the imperative: "write it to Vault at secret/omninode/payment".
	Where(node, key string) string
}

// Renewer is implemented by stores that keep what they read.
type Renewer interface {
	// Renew makes the next Get of each secret see what is stored now, or fail.
	Renew(ctx context.Context) error
}

// Issuer is implemented by stores that make credentials for a role of a database, which end unless the
// store prolongs them.
type Issuer interface {
	// Issue returns the credentials of role, the same ones at every call, or false if the store knows
	// no such role.
	Issue(ctx context.Context, role string) (config.Credentials, bool, error)

	// WhereRole tells people what to do about a role the store does not know, in the imperative.
	WhereRole(role string) string
}

// Source makes a store the first step of the configuration cascade. name is what people see as the
// source of a value, e.g. "vault".
func Source(name string, s Store) config.Source {
	src := config.Source{
		Name:        name,
		SecretsOnly: true,
		Lookup: func(ctx context.Context, node string, set config.Setting) (string, bool, error) {
			if i, ok := s.(Issuer); ok && set.DatabaseRole != "" {
				return issued(ctx, i, set)
			}
			return s.Get(ctx, node, set.Key)
		},
	}
	if l, ok := s.(Locator); ok {
		src.Where = func(node string, set config.Setting) string {
			if i, ok := s.(Issuer); ok && set.DatabaseRole != "" {
				return i.WhereRole(set.DatabaseRole)
			}
			return l.Where(node, set.Key)
		}
	}
	return src
}

// issued returns the half of a role's credentials that the setting is.
func issued(ctx context.Context, i Issuer, set config.Setting) (string, bool, error) {
	c, found, err := i.Issue(ctx, set.DatabaseRole)
	if strings.HasSuffix(set.Key, config.UsernameSuffix) {
		return c.Username, found, err
	}
	return c.Password.Reveal(), found, err
}

// UnavailableError says that a store cannot answer, why, and what to do about it.
type UnavailableError struct {
	Store  string // "vault at http://vault:8200"
	Reason string // "is sealed"
	Fix    string // "unseal it with: vault operator unseal"
	Err    error  // nil if the reason says it all
}

func (e *UnavailableError) Error() string {
	msg := fmt.Sprintf("%s %s", e.Store, e.Reason)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Fix != "" {
		msg += "; " + e.Fix
	}
	return msg
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
)

// errLastToken says that the one token there is was refused, so that trying again helps nobody.
var errLastToken = errors.New("there is no other to try")

// Token uses a token that others made and others revoke. One of its fields is required.
type Token struct {
	Value config.Secret // VAULT_TOKEN
	File  string        // VAULT_TOKEN_FILE; read again when the token was refused or ends
}

func (t *Token) about() about {
	variable := "VAULT_TOKEN"
	if t.File != "" {
		variable = "VAULT_TOKEN_FILE"
	}
	return about{name: "the token of " + variable, chosenBy: variable, variables: "token (VAULT_TOKEN_FILE or VAULT_TOKEN)"}
}

func (t *Token) isSet() bool { return t.File != "" || !t.Value.IsZero() }

func (t *Token) validate() error {
	if t.File != "" && !t.Value.IsZero() {
		return errors.New("vault: two tokens; unset VAULT_TOKEN or VAULT_TOKEN_FILE")
	}
	return nil
}

func (t *Token) owns() bool { return false }

// logIn asks Vault what the token is worth.
func (t *Token) logIn(ctx context.Context, c *client) (*api.Secret, error) {
	token := t.Value
	if t.File != "" {
		var err error
		if token, err = readSecretFile("token", t.File); err != nil {
			return nil, err
		}
	}
	c.api.SetToken(token.Reveal())
	found, err := c.api.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		err = c.explain("read auth/token/lookup-self", err)
	}
	switch {
	case isStatus(err, http.StatusForbidden) && t.File != "":
		return nil, c.refuses(t.about().name, "write one that lives, with the node's policy, to "+t.File, errors.Unwrap(err))
	case isStatus(err, http.StatusForbidden):
		fix := "start the node again with one that lives and has the node's policy"
		return nil, c.refuses(t.about().name, fix, fmt.Errorf("%w, and %w", errors.Unwrap(err), errLastToken))
	case err != nil:
		return nil, err
	}
	return asLogin(found, token)
}

// asLogin returns what a token's look-up says in the form of a login's answer.
func asLogin(found *api.Secret, token config.Secret) (*api.Secret, error) {
	ttl, ttlErr := found.TokenTTL()
	renewable, renewableErr := found.TokenIsRenewable()
	if err := errors.Join(ttlErr, renewableErr); err != nil {
		return nil, fmt.Errorf("vault: read what Vault says of a token: %w", err)
	}
	seconds := int(ttl / time.Second)
	if found.Data["expire_time"] != nil {
		seconds = max(seconds, 1) // 0 would say that it never ends
	}
	return &api.Secret{Auth: &api.SecretAuth{ClientToken: token.Reveal(), Renewable: renewable, LeaseDuration: seconds}}, nil
}

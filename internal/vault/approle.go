package vault

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
)

// AppRole logs in with the id of a role and a secret id. RoleID and one of the secret ids are required.
type AppRole struct {
	RoleID          string        // VAULT_ROLE_ID
	SecretID        config.Secret // VAULT_SECRET_ID
	SecretIDFile    string        // VAULT_SECRET_ID_FILE; read at every login
	WrappedSecretID config.Secret // VAULT_WRAPPED_SECRET_ID: a token that wraps the secret id, used once
	RoleName        string        // whose secret ids the wrapping token may hold; "": RoleID
}

func (a *AppRole) about() about {
	return about{
		name: "AppRole " + a.RoleID, chosenBy: "VAULT_ROLE_ID",
		variables: "AppRole (VAULT_ROLE_ID and one of VAULT_SECRET_ID_FILE, VAULT_SECRET_ID, VAULT_WRAPPED_SECRET_ID)",
	}
}

func (a *AppRole) isSet() bool { return a.RoleID != "" || a.hasSecretID() }

func (a *AppRole) hasSecretID() bool {
	return !a.SecretID.IsZero() || a.SecretIDFile != "" || !a.WrappedSecretID.IsZero()
}

func (a *AppRole) validate() error {
	switch {
	case a.RoleID == "":
		return errors.New("vault: no role id; export VAULT_ROLE_ID=omninode-<node>")
	case !a.hasSecretID():
		return errors.New("vault: no secret id; export VAULT_SECRET_ID, VAULT_SECRET_ID_FILE or VAULT_WRAPPED_SECRET_ID")
	}
	return nil
}

func (a *AppRole) owns() bool { return true }

func (a *AppRole) logIn(ctx context.Context, c *client) (*api.Secret, error) {
	id, err := a.secretID(ctx, c)
	if err != nil {
		return nil, err
	}
	got, err := c.logInAt(ctx, AuthMount, map[string]any{"role_id": a.RoleID, "secret_id": id.Reveal()})
	if isStatus(err, http.StatusBadRequest) {
		return nil, c.refuses("the login of role id "+a.RoleID, "give the node a new secret id with: omninode seed", errors.Unwrap(err))
	}
	return got, err
}

// secretID unwraps a wrapped secret id the first time and keeps it.
func (a *AppRole) secretID(ctx context.Context, c *client) (config.Secret, error) {
	if !a.WrappedSecretID.IsZero() {
		id, err := c.unwrapSecretID(ctx, cmp.Or(a.RoleName, a.RoleID), a.WrappedSecretID)
		if err != nil {
			return config.Secret{}, err
		}
		a.SecretID, a.WrappedSecretID = id, config.Secret{}
	}
	if !a.SecretID.IsZero() {
		return a.SecretID, nil
	}
	return readSecretFile("secret id", a.SecretIDFile)
}

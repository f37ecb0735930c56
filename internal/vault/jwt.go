package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"
)

// serviceAccountToken is where Kubernetes puts the token of a pod's service account.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// JWT logs in with a signed token that says who the node is: Vault's methods kubernetes and jwt take
// the same request. Role is required.
type JWT struct {
	Role  string // VAULT_ROLE
	File  string // VAULT_JWT_FILE; read at every login, for Kubernetes rotates it; "": the service account's token
	Mount string // VAULT_AUTH_MOUNT; "": kubernetes
}

func (j *JWT) about() about {
	return about{
		name: fmt.Sprintf("role %s at auth/%s", j.Role, j.mount()), chosenBy: "VAULT_ROLE",
		variables: "Kubernetes or JWT (VAULT_ROLE, and VAULT_JWT_FILE and VAULT_AUTH_MOUNT if they are not the default)",
	}
}

func (j *JWT) mount() string { return cmp.Or(j.Mount, "kubernetes") }

func (j *JWT) isSet() bool { return *j != JWT{} }

func (j *JWT) validate() error {
	if j.Role == "" {
		return errors.New("vault: no role; export VAULT_ROLE=omninode-<node>, or unset VAULT_JWT_FILE and VAULT_AUTH_MOUNT")
	}
	return nil
}

func (j *JWT) owns() bool { return true }

func (j *JWT) logIn(ctx context.Context, c *client) (*api.Secret, error) {
	jwt, err := readSecretFile("JWT", cmp.Or(j.File, serviceAccountToken))
	if err != nil {
		return nil, err
	}
	got, err := c.logInAt(ctx, j.mount(), map[string]any{"role": j.Role, "jwt": jwt.Reveal()})
	if isStatus(err, http.StatusBadRequest) || isStatus(err, http.StatusForbidden) {
		fix := fmt.Sprintf("compare the JWT with what the role is bound to: vault read auth/%s/role/%s", j.mount(), j.Role)
		return nil, c.refuses("the login of "+j.about().name, fix, errors.Unwrap(err))
	}
	return got, err
}

package main

import (
	"crypto/rand"
	"strings"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// keys are the secrets of one run. They are made here, of randomness, and leave only as
// *dagger.Secret: none is in an argument, an environment that is logged, or a layer.
type keys struct {
	vaultToken       *dagger.Secret
	postgresPassword *dagger.Secret
	databaseURL      *dagger.Secret            // of the administrator
	gatewayToken     *dagger.Secret            // of the card gateway's sandbox
	secretIDs        map[string]*dagger.Secret // AppRole, by node
}

func newKeys(run string, nodes []string) *keys {
	secret := func(name, value string) *dagger.Secret { return dag.SetSecret("omninode-"+run+"-"+name, value) }
	password := rand.Text()
	k := &keys{
		vaultToken:       secret("vault-token", rand.Text()),
		postgresPassword: secret("postgres-password", password),
		databaseURL:      secret("database-url", "postgres://postgres:"+password+"@postgres:5432/"+database),
		gatewayToken:     secret("gateway-token", rand.Text()),
		secretIDs:        map[string]*dagger.Secret{},
	}
	for _, node := range nodes {
		k.secretIDs[node] = secret(node+"-secret-id", rand.Text())
	}
	return k
}

// secretIDName is the variable that gives a node's secret id to the seeding.
func secretIDName(node string) string {
	return strings.ToUpper(strings.ReplaceAll(node, "-", "_")) + "_VAULT_SECRET_ID"
}

package vault

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// login is one way to get a token; approle.go, jwt.go and token.go hold one each.
type login interface {
	about() about
	isSet() bool
	validate() error

	// logIn gets a token, has the client use it and returns it as the Auth of a secret, whose
	// LeaseDuration is 0 if it never ends. It is called again when that token was refused or ends.
	logIn(ctx context.Context, c *client) (*api.Secret, error)
	// owns tells that logIn makes tokens, which therefore end with the store.
	owns() bool
}

// about is what people are told of a login.
type about struct {
	name      string // "AppRole omninode-payment"
	chosenBy  string // the variable that must be set: "VAULT_ROLE_ID"
	variables string // all of them, with the kind of login
}

// Login returns what people call the login that is configured, and the variable that chose it. None,
// several or half a login is an error that names the variables.
func (c Config) Login() (name, chosenBy string, err error) {
	l, err := c.login()
	if err != nil {
		return "", "", err
	}
	a := l.about()
	return a.name, a.chosenBy, nil
}

func (c Config) login() (login, error) {
	var set []login
	var all, chosen []string
	for _, l := range []login{&c.AppRole, &c.JWT, &c.Token} {
		all = append(all, l.about().variables)
		if l.isSet() {
			set, chosen = append(set, l), append(chosen, l.about().variables)
		}
	}
	switch len(set) {
	case 0:
		return nil, fmt.Errorf("vault: VAULT_ADDR is set, but no login; set the variables of one: %s", strings.Join(all, "; "))
	case 1:
		return set[0], set[0].validate()
	}
	return nil, fmt.Errorf("vault: %d logins are set; unset the variables of all but one: %s", len(set), strings.Join(chosen, "; "))
}

// readSecretFile returns what a file holds, without space around it. what names it in errors.
func readSecretFile(what, file string) (config.Secret, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return config.Secret{}, fmt.Errorf("read %s of Vault: %w", what, err)
	}
	s := config.NewSecret(strings.TrimSpace(string(text)))
	if s.IsZero() {
		return config.Secret{}, fmt.Errorf("read %s of Vault: %s is empty", what, file)
	}
	return s, nil
}

// logInAt logs in at an auth method's endpoint and takes the token it answers with.
func (c *client) logInAt(ctx context.Context, mount string, data map[string]any) (*api.Secret, error) {
	got, err := c.write(ctx, "auth/"+mount+"/login", data)
	if err != nil {
		return nil, err
	}
	if got == nil || got.Auth == nil {
		return nil, &secret.UnavailableError{Store: c.name(), Reason: "answered a login without a token"}
	}
	c.api.SetToken(got.Auth.ClientToken)
	return got, nil
}

// refuses says that Vault refuses what, with its answer, and what to do about it.
func (c *client) refuses(what, fix string, answer error) error {
	return &secret.UnavailableError{Store: c.name(), Reason: "refuses " + what, Fix: fix, Err: answer}
}

package vault

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
)

// WrapError refuses a wrapped secret id: the token was used, has ended, or wraps something else. In
// each case somebody else may hold the secret id.
type WrapError struct {
	Reason string
	Err    error // nil if the reason says it all
}

func (e *WrapError) Error() string {
	msg := "wrapped secret id refused: " + e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg + "; treat it as seen by others: destroy the role's secret ids and give the node a new one with omninode seed"
}

// Unwrap returns the cause.
func (e *WrapError) Unwrap() error { return e.Err }

// unwrapSecretID exchanges a wrapping token for the secret id in it. The token's creation path is
// checked before it is used: anybody can wrap anything, only the role's endpoint wraps its secret ids.
func (c *client) unwrapSecretID(ctx context.Context, role string, token config.Secret) (config.Secret, error) {
	info, err := c.write(ctx, "sys/wrapping/lookup", map[string]any{"token": token.Reveal()})
	if isStatus(err, http.StatusBadRequest) || isStatus(err, http.StatusForbidden) {
		return config.Secret{}, &WrapError{Reason: "its token was used already or has ended", Err: err}
	}
	if err != nil {
		return config.Secret{}, err
	}
	want := "auth/" + AuthMount + "/role/" + role + "/secret-id"
	if got := text(info, "creation_path"); got != want {
		return config.Secret{}, &WrapError{Reason: fmt.Sprintf("its token was created at %q, not at %q", got, want)}
	}
	got, err := c.unwrap(ctx, token)
	if err != nil {
		return config.Secret{}, &WrapError{Reason: "its token cannot be unwrapped", Err: err}
	}
	id := text(got, "secret_id")
	if id == "" {
		return config.Secret{}, &WrapError{Reason: "its token holds no secret id"}
	}
	return config.NewSecret(id), nil
}

// unwrap uses a client of its own, because the wrapping token authenticates the call.
func (c *client) unwrap(ctx context.Context, token config.Secret) (*api.Secret, error) {
	own, err := c.api.Clone()
	if err != nil {
		return nil, err
	}
	own.SetToken(token.Reveal())
	got, err := own.Logical().UnwrapWithContext(ctx, "")
	if err != nil {
		return nil, c.explain("unwrap", err)
	}
	return got, nil
}

func text(s *api.Secret, key string) string {
	if s == nil {
		return ""
	}
	v, _ := s.Data[key].(string)
	return v
}

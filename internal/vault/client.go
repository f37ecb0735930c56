package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// ErrSealed says that Vault is up and cannot decrypt its storage.
var ErrSealed = errors.New("storage cannot be decrypted")

// client is Vault's own client with bounded calls and errors that name the remedy.
type client struct {
	api     *api.Client
	http    *http.Client
	address string
	timeout time.Duration
}

func newClient(address string, token config.Secret, dial func(context.Context, string, string) (net.Conn, error), timeout time.Duration) (*client, error) {
	c := api.DefaultConfig() // reads VAULT_CACERT and the like
	if c.Error != nil {
		return nil, fmt.Errorf("vault: read environment: %w", c.Error)
	}
	c.Address, c.AgentAddress = address, ""
	c.Timeout = cmp.Or(timeout, 5*time.Second)
	c.MaxRetries = 0 // a sealed Vault must show at once; callers decide what to try again
	if t, ok := c.HttpClient.Transport.(*http.Transport); ok && dial != nil {
		t.DialContext = dial
	}
	a, err := api.NewClient(c)
	if err != nil {
		return nil, fmt.Errorf("vault: open client for %s: %w", address, err)
	}
	a.SetToken(token.Reveal()) // never the ambient VAULT_TOKEN
	return &client{api: a, http: c.HttpClient, address: address, timeout: c.Timeout}, nil
}

// readKV returns the fields at a KV v2 path, none if the path does not exist or was deleted.
func (c *client) readKV(ctx context.Context, path string) (map[string]string, error) {
	fields, _, err := c.readKVVersion(ctx, path)
	return fields, err
}

func (c *client) readKVVersion(ctx context.Context, path string) (map[string]string, int, error) {
	got, err := c.api.KVv2(Mount).Get(ctx, path)
	if errors.Is(err, api.ErrSecretNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, c.explain("read "+Mount+"/"+path, err)
	}
	fields := make(map[string]string, len(got.Data))
	for key, v := range got.Data {
		text, ok := fieldText(v)
		if !ok {
			return nil, 0, fmt.Errorf("%s: field %s of %s/%s is neither text, number nor truth value", c.name(), key, Mount, path)
		}
		fields[key] = text
	}
	version := 0
	if got.VersionMetadata != nil {
		version = got.VersionMetadata.Version
	}
	return fields, version, nil
}

func fieldText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func (c *client) write(ctx context.Context, path string, data map[string]any) (*api.Secret, error) {
	got, err := c.api.Logical().WriteWithContext(ctx, path, data)
	if err != nil {
		return nil, c.explain("write "+path, err)
	}
	return got, nil
}

func (c *client) name() string { return "vault at " + c.address }

// explain turns what can go wrong with any call into an error with a remedy.
func (c *client) explain(doing string, err error) error {
	u := &secret.UnavailableError{Store: c.name(), Err: fmt.Errorf("%s: %w", doing, err)}
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		u.Err = &answerError{doing: doing, answer: answer}
	}
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusServiceUnavailable && mentions(answer, "sealed"):
		u.Reason, u.Fix, u.Err = "is sealed", "unseal it with: vault operator unseal", ErrSealed
	case errors.As(err, &answer) && answer.StatusCode == http.StatusForbidden:
		u.Reason, u.Fix = "denies access", "write policies and roles again with: omninode seed"
	case errors.As(err, &answer):
		u.Reason = "answers " + strconv.Itoa(answer.StatusCode)
	case errors.Is(err, context.DeadlineExceeded):
		u.Reason, u.Fix = "does not answer within "+c.timeout.String(), "check its seal and its audit devices with: vault status"
	default:
		u.Reason, u.Fix = "cannot be reached", "check VAULT_ADDR and that Vault runs"
	}
	return u
}

// answerError puts an answer of Vault on one line.
type answerError struct {
	doing  string
	answer *api.ResponseError
}

func (e *answerError) Error() string {
	said := strings.Join(e.answer.Errors, ", ")
	return fmt.Sprintf("%s: %d %s", e.doing, e.answer.StatusCode, strings.Join(strings.Fields(said), " "))
}

func (e *answerError) Unwrap() error { return e.answer }

func mentions(answer *api.ResponseError, word string) bool {
	return strings.Contains(strings.ToLower(strings.Join(answer.Errors, " ")), word)
}

// answerOf returns what Vault answered, if err is an answer.
func answerOf(err error) *api.ResponseError {
	answer := &api.ResponseError{}
	_ = errors.As(err, &answer)
	return answer
}

func isStatus(err error, code int) bool {
	var answer *api.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == code
}

func (c *client) closeIdle() { c.http.CloseIdleConnections() }

package onex

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
)

// environment is what a process needs to know before it can reach anything. It comes from
// environment variables only.
type environment struct {
	Brokers       []string
	Consul        string
	ConsulToken   string
	Vault         vault.Config
	SecretsFile   string
	HTTPAddr      string
	Advertise     string
	Instance      string
	CheckInterval time.Duration
	DrainTimeout  time.Duration

	InboxRetention  time.Duration
	SecretsInterval time.Duration

	LogLevel  slog.Level
	LogFormat string
	Hosts     map[string]string
}

// readEnvironment reports everything that is missing or malformed at once.
func readEnvironment(lookup func(string) (string, bool)) (environment, error) {
	r := &environmentReader{lookup: lookup}
	host, err := os.Hostname()
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("ask for the host's name: %w", err))
	}
	e := environment{
		Consul:      r.required("CONSUL_HTTP_ADDR", "host:port of the Consul agent"),
		ConsulToken: r.text("CONSUL_HTTP_TOKEN", ""),
		Vault: vault.Config{
			Address: r.text("VAULT_ADDR", ""),
			AppRole: vault.AppRole{
				RoleID: r.text("VAULT_ROLE_ID", ""), SecretIDFile: r.text("VAULT_SECRET_ID_FILE", ""),
				SecretID: r.secret("VAULT_SECRET_ID"), WrappedSecretID: r.secret("VAULT_WRAPPED_SECRET_ID"),
			},
			JWT: vault.JWT{
				Role: r.text("VAULT_ROLE", ""), File: r.text("VAULT_JWT_FILE", ""), Mount: r.text("VAULT_AUTH_MOUNT", ""),
			},
			Token: vault.Token{Value: r.secret("VAULT_TOKEN"), File: r.text("VAULT_TOKEN_FILE", "")},
		},
		SecretsFile:     r.text("ONEX_SECRETS_FILE", ""),
		HTTPAddr:        r.text("ONEX_HTTP_ADDR", ":8080"),
		Advertise:       r.text("ONEX_ADVERTISE_ADDR", host),
		Instance:        r.text("ONEX_INSTANCE", host),
		CheckInterval:   r.duration("ONEX_CHECK_INTERVAL", time.Second),
		DrainTimeout:    r.duration("ONEX_DRAIN_TIMEOUT", 5*time.Second),
		InboxRetention:  r.atLeast("ONEX_INBOX_RETENTION", postgres.DefaultInboxRetention, minInboxRetention),
		SecretsInterval: r.atLeast("ONEX_SECRETS_INTERVAL", secretsInterval, time.Second),
		LogFormat:       r.text("ONEX_LOG_FORMAT", "json"),
		Hosts:           r.hosts("ONEX_HOSTS"),
	}
	for broker := range strings.SplitSeq(r.required("ONEX_KAFKA_BROKERS", "host:port of one or more Kafka brokers, separated by commas"), ",") {
		if broker = strings.TrimSpace(broker); broker != "" {
			e.Brokers = append(e.Brokers, broker)
		}
	}
	if err := e.LogLevel.UnmarshalText([]byte(r.text("ONEX_LOG_LEVEL", "info"))); err != nil {
		r.errs = append(r.errs, fmt.Errorf("ONEX_LOG_LEVEL: %w; use debug, info, warn or error", err))
	}
	if e.LogFormat != "json" && e.LogFormat != "text" {
		r.errs = append(r.errs, fmt.Errorf("ONEX_LOG_FORMAT is %q; use json or text", e.LogFormat))
	}
	return e, errors.Join(r.errs...)
}

type environmentReader struct {
	lookup func(string) (string, bool)
	errs   []error
}

func (r *environmentReader) text(name, otherwise string) string {
	value, _ := r.lookup(name)
	return cmp.Or(strings.TrimSpace(value), otherwise)
}

func (r *environmentReader) secret(name string) config.Secret {
	return config.NewSecret(r.text(name, ""))
}

func (r *environmentReader) required(name, what string) string {
	value := r.text(name, "")
	if value == "" {
		r.errs = append(r.errs, fmt.Errorf("%s is missing: %s", name, what))
	}
	return value
}

func (r *environmentReader) duration(name string, otherwise time.Duration) time.Duration {
	text := r.text(name, "")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.errs = append(r.errs, fmt.Errorf("%s is %q; use a duration like 5s", name, text))
	}
	return d
}

// minInboxRetention is longer than any relay takes to send again what it sent before it was killed.
const minInboxRetention = time.Minute

func (r *environmentReader) atLeast(name string, otherwise, least time.Duration) time.Duration {
	d := r.duration(name, otherwise)
	if d > 0 && d < least {
		r.errs = append(r.errs, fmt.Errorf("%s is %s; use at least %s", name, d, least))
	}
	return d
}

// hosts parses "kafka=127.0.0.1,consul=127.0.0.1".
func (r *environmentReader) hosts(name string) map[string]string {
	hosts := map[string]string{}
	for pair := range strings.SplitSeq(r.text(name, ""), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		from, to, ok := strings.Cut(pair, "=")
		if !ok || from == "" || to == "" {
			r.errs = append(r.errs, fmt.Errorf("%s holds %q; use host=address,…", name, pair))
			continue
		}
		hosts[from] = to
	}
	return hosts
}

// dialer connects to other addresses in place of the hosts named.
func dialer(hosts map[string]string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 5 * time.Second}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return d.DialContext(ctx, network, net.JoinHostPort(cmp.Or(hosts[host], host), port))
	}
}

// CheckEnvironment says what of the runtime's own variables is missing or malformed, a line each,
// without starting anything.
func CheckEnvironment(lookup func(name string) (string, bool)) error {
	_, err := readEnvironment(lookup)
	return err
}

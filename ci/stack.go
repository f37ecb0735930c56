package main

import (
	"context"
	"strconv"
	"time"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
	"github.com/omninode-ai/omninode/ci/report"
)

const (
	// readyTimeout bounds the wait for a service that was started.
	readyTimeout = "60s"
	logsDir      = "/var/log/omninode"

	// developerPassword opens Vault and Postgres of a stack that a person starts without giving one.
	// It is public: Kafka and Consul of that stack have none at all.
	developerPassword = "omninode-development"
)

// Start Vault, Consul, Kafka and Postgres for a person: dagger call stack up.
//
// They are on ports 8200, 8500, 9092 and 5432 of this machine until Ctrl-C. Kafka tells its clients to come back to kafka:9092: give them ONEX_HOSTS=kafka=127.0.0.1.
func (m *Omninode) Stack(
	// Vault's root token and the password of the Postgres user; without it the documented
	// development password, which is no secret.
	// +optional
	password *dagger.Secret,
) *dagger.Service {
	if password == nil {
		password = dag.SetSecret("omninode-development-password", developerPassword)
	}
	s := m.backends("stack", password, password)
	proxy := m.tool()
	args := []string{"omninode", "forward"}
	for _, b := range s.all() {
		proxy = proxy.WithServiceBinding(b.name, b.service).WithExposedPort(b.port)
		args = append(args, b.address())
	}
	return proxy.AsService(dagger.ContainerAsServiceOpts{Args: args})
}

// stack is the four backends of one run. Each service is built once: a second definition would be a
// second server.
type stack struct {
	run                            string
	vault, consul, kafka, postgres *backend
}

// backend is one server of the stack.
type backend struct {
	name    string // its host name, and the culprit's name in messages
	port    int
	service *dagger.Service
}

func (b *backend) address() string { return b.name + ":" + strconv.Itoa(b.port) }

func (m *Omninode) backends(run string, vaultToken, postgresPassword *dagger.Secret) *stack {
	return &stack{
		run:      run,
		vault:    m.vault(run, vaultToken),
		consul:   m.consul(run),
		kafka:    m.kafka(run),
		postgres: m.postgres(run, postgresPassword),
	}
}

func (s *stack) all() []*backend {
	return []*backend{s.vault, s.consul, s.kafka, s.postgres}
}

// named returns the backend of that name, or nil.
func (s *stack) named(name string) *backend {
	for _, b := range s.all() {
		if b.name == name {
			return b
		}
	}
	return nil
}

// record is the shell around a server: what the server writes goes to its own output and to a file
// on the log volume, except for the lines in which Vault prints its keys. exec leaves the server
// alone with the signals.
const record = `log=$1; shift
mkdir -p "${log%/*}" 2>/dev/null; touch "$log" 2>/dev/null || log=/dev/null
pipe=/tmp/output.$$; mkfifo "$pipe"
while IFS= read -r line; do
  case $line in *"Root Token"*|*"Unseal Key"*) ;; *) printf '%s\n' "$line" ;; esac
done <"$pipe" | tee "$log" &
exec "$@" >"$pipe" 2>&1`

// server turns a container into a service of that host name, running the command, with its output
// recorded.
func server(run, name string, port int, c *dagger.Container, command ...string) *backend {
	// An open port says nothing; readiness is probed from outside.
	unchecked := dagger.ContainerWithExposedPortOpts{ExperimentalSkipHealthcheck: true}
	args := append([]string{"sh", "/record.sh", logFile(run, name)}, command...)
	service := c.
		WithMountedFile("/record.sh", dag.File("record.sh", record)).
		WithExposedPort(port, unchecked).
		WithMountedCache(logsDir, logs()).
		AsService(dagger.ContainerAsServiceOpts{Args: args}).
		WithHostname(name)
	return &backend{name: name, port: port, service: service}
}

// logs is the volume on which services leave what they wrote; nothing else survives them.
func logs() *dagger.CacheVolume { return dag.CacheVolume("omninode-logs") }

func logFile(run, name string) string { return logsDir + "/" + run + "/" + name + ".log" }

// prepareLogs makes the run's folder on the log volume, writable for the users of all images, and
// removes those of runs that ended long ago.
func (m *Omninode) prepareLogs(ctx context.Context, run string) error {
	script := `find "$0" -mindepth 1 -maxdepth 1 -mmin +60 -exec rm -rf {} + ; mkdir -p "$0/$1" && chmod 1777 "$0/$1"`
	_, err := m.from(golangImage).
		WithMountedCache(logsDir, logs()).
		WithExec([]string{"sh", "-c", script, logsDir, run}).
		Sync(ctx)
	return err
}

// tailLog returns the last lines a service of a run wrote, as far as they are known.
func (m *Omninode) tailLog(ctx context.Context, run, name string) []string {
	text, err := m.from(golangImage).
		WithMountedCache(logsDir, logs()).
		WithEnvVariable("ASKED_AT", time.Now().String()).
		WithExec([]string{"sh", "-c", `tail -n "$1" "$0" || true`, logFile(run, name), strconv.Itoa(report.LogLines)}).
		Stdout(ctx)
	if err != nil {
		return []string{"(its log cannot be read: " + err.Error() + ")"}
	}
	return report.Tail(text, report.LogLines)
}

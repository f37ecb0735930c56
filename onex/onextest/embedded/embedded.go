// Package embedded runs the backends of a fleet on this machine without containers: a real
// Postgres, a broker that speaks the Kafka protocol, and a catalog that answers the part of Consul's
// HTTP API that nodes use. Tests, `omninode dev` and `omninode e2e` use it; it is never linked into
// a node. Everything listens on 127.0.0.1 and dies with this process.
package embedded

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// Config says how a Stack runs; the zero value gives a throw-away one on free ports.
type Config struct {
	Dir          string    // keeps all data between runs; "" keeps nothing
	PostgresPort int       // on 127.0.0.1, as the others; 0 chooses a free one
	KafkaPort    int       // "
	CatalogPort  int       // "
	Log          io.Writer // gets the log of Postgres; nil drops it
}

// Stack is the running backends.
type Stack struct {
	Brokers          string // host:port of the broker
	AdminDatabaseURL string // database "omninode" for its administrator
	ConsulAddr       string // host:port of the catalog
	SecretsFile      string // where the secrets of the fleet belong; not there until they are seeded

	postgres *Postgres
	kafka    *Kafka
	catalog  *Catalog
	dir      *workDir
}

// Start starts all backends at once and waits until they answer. If one fails, the others are
// stopped and the first failure is returned.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	dir, err := openWorkDir(cfg.Dir, "stack")
	if err != nil {
		return nil, err
	}
	s := &Stack{dir: dir, SecretsFile: filepath.Join(dir.path, "secrets.env")}
	kept := func(name string) string {
		if cfg.Dir == "" {
			return ""
		}
		return filepath.Join(dir.path, name)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.postgres, err = StartPostgres(ctx, PostgresConfig{Dir: kept("postgres"), Port: cfg.PostgresPort, Log: cfg.Log})
		return err
	})
	g.Go(func() (err error) {
		s.kafka, err = StartKafka(KafkaConfig{Dir: kept("kafka"), Port: cfg.KafkaPort})
		return err
	})
	g.Go(func() (err error) {
		s.catalog, err = StartCatalog(CatalogConfig{Port: cfg.CatalogPort})
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.AdminDatabaseURL, s.Brokers, s.ConsulAddr = s.postgres.URL(), s.kafka.Addr(), s.catalog.Addr()
	return s, nil
}

// Stop stops the backends in the reverse order of need and removes what is not to be kept. It may
// be called more than once.
func (s *Stack) Stop() error {
	var errs []error
	if s.catalog != nil {
		errs = append(errs, s.catalog.Stop())
	}
	if s.kafka != nil {
		errs = append(errs, s.kafka.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.dir != nil {
		errs = append(errs, s.dir.close())
		s.dir = nil
	}
	return errors.Join(errs...)
}

// Env returns the environment variables that point a fleet at the backends, as KEY=value.
func (s *Stack) Env() []string {
	return []string{
		"ONEX_KAFKA_BROKERS=" + s.Brokers,
		"CONSUL_HTTP_ADDR=" + s.ConsulAddr,
		"ONEX_SECRETS_FILE=" + s.SecretsFile,
	}
}

package postgres

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// login is as whom, and where, the store connects.
type login struct {
	url            string
	host           string
	port           uint16
	user, password string
	database       string
	tls            *tls.Config
	fallbacks      []*pgconn.FallbackConfig
}

func loginOf(url string, cc *pgx.ConnConfig) *login {
	return &login{url, cc.Host, cc.Port, cc.User, cc.Password, cc.Database, cc.TLSConfig, cc.Fallbacks}
}

func (l *login) use(cc *pgx.ConnConfig) {
	cc.Host, cc.Port, cc.User, cc.Password, cc.Database = l.host, l.port, l.user, l.password, l.database
	cc.TLSConfig, cc.Fallbacks = l.tls, l.fallbacks
}

// Rotate makes the store connect by another URL, of the same schema: it tries it, and from then on opens every
// connection by it. Connections that are in use end when what they are used for does. If the server refuses
// the URL, the store stays as it is. It may be called while the store is used, by one goroutine at a time; a URL
// that is in use already changes nothing.
func (s *Store) Rotate(ctx context.Context, url string) error {
	if url == s.login.Load().url {
		return nil
	}
	c := s.config
	c.Refused = nil // the caller learns it here
	pc, err := c.pool(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, pc.ConnConfig)
	if err != nil {
		return fmt.Errorf("connect by the new database url: %w", err)
	}
	_ = conn.Close(ctx)
	s.login.Store(loginOf(url, pc.ConnConfig))
	s.pool.Reset()
	return nil
}

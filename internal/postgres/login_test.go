package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
)

// TestRotate: while the store is used its password changes, the server ends every connection, and the store is given
// the new one: it learns that the old one is refused, and goes on with the new one.
func TestRotate(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	role := provision.Schema(node)
	refused := make(chan struct{}, 1)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: roleURL, Group: "onex.test", Instance: "a", MaxConns: 3, Refused: func() {
		select {
		case refused <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(t.Context(), strings.Replace(roleURL, ":test@", ":wrong@", 1)); err == nil {
		t.Error("a password that the server refuses was taken")
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the store after a refused rotation: %v", err)
	}

	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 3 { // who uses it meanwhile
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = s.Ping(t.Context())
				}
			}
		})
	}
	admin(t, fmt.Sprintf(`ALTER ROLE %q PASSWORD 'next'`, role))
	admin(t, fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'`, role))
	select {
	case <-refused:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told that the password is refused")
	}
	next := strings.Replace(roleURL, ":test@", ":next@", 1)
	if err := s.Rotate(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("after the rotation: %v", err)
		}
	}
	close(stop)
	users.Wait()
	if err := s.Rotate(t.Context(), next); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

package vault

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// DatabaseMount is where the database secrets engine is.
const DatabaseMount = "database"

// renewPath is what a policy must allow for a lease to be prolonged.
const renewPath = "sys/leases/renew"

// rounding is by how much Vault, which answers in whole seconds, may say too much.
const rounding = time.Second

// CredentialsPath returns the path that makes credentials for a role of the database engine.
func CredentialsPath(role string) string { return DatabaseMount + "/creds/" + role }

var _ secret.Issuer = (*Store)(nil)

// issuer holds what the database engine made for this process.
type issuer struct {
	turn   sync.Mutex // one role at a time, so that a role is asked for once
	issued map[string]config.Credentials

	mu     sync.Mutex
	leases []*lease
	notice chan struct{} // told when there is another lease
}

func newIssuer() *issuer {
	return &issuer{issued: map[string]config.Credentials{}, notice: make(chan struct{}, 1)}
}

// Issue has the database engine make credentials for role, once: later calls return the same. A
// started Store prolongs them, and tells Config.Lost when it cannot.
func (s *Store) Issue(ctx context.Context, role string) (config.Credentials, bool, error) {
	s.issuer.turn.Lock()
	defer s.issuer.turn.Unlock()
	if c, ok := s.issuer.issued[role]; ok {
		return c, true, nil
	}
	made, err := s.authorized(ctx, func() (*api.Secret, error) { return s.client.makeCredentials(ctx, role) })
	if err != nil || made == nil {
		return config.Credentials{}, false, err
	}
	name, hasName := made.Data["username"].(string)
	password, hasPassword := made.Data["password"].(string)
	if !hasName || !hasPassword {
		return config.Credentials{}, false, fmt.Errorf("%s: %s was answered without user name and password", s.client.name(), CredentialsPath(role))
	}
	c := config.Credentials{Username: name, Password: config.NewSecret(password)}
	s.issuer.issued[role] = c
	if made.LeaseDuration > 0 {
		s.issuer.add(s.newLease(role, made))
	}
	return c, true, nil
}

// WhereRole tells people how a role comes to be.
func (s *Store) WhereRole(role string) string {
	return fmt.Sprintf("make role %s of Vault's database engine with: vault write %s/roles/%s …", role, DatabaseMount, role)
}

// makeCredentials returns nil if there is no such role, or no database engine.
func (c *client) makeCredentials(ctx context.Context, role string) (*api.Secret, error) {
	path := CredentialsPath(role)
	made, err := c.api.Logical().ReadWithContext(ctx, path)
	if isStatus(err, http.StatusBadRequest) && mentions(answerOf(err), "unknown role") {
		return nil, nil //nolint:nilnil // absence is no error
	}
	if err != nil {
		return nil, c.explain("read "+path, err)
	}
	return made, nil
}

func (s *Store) newLease(role string, made *api.Secret) *lease {
	life := time.Duration(made.LeaseDuration) * time.Second
	return &lease{
		id: made.LeaseID, life: life, until: time.Now().Add(life), nudge: make(chan struct{}, 1),
		renew: func(ctx context.Context) (time.Duration, error) { return s.client.renewLease(ctx, made.LeaseID) },
		report: func(problem error) {
			if s.lost != nil {
				s.lost(role, problem)
			}
		},
	}
}

// renewLease prolongs a lease and returns how long it lives now. A lease Vault refuses to prolong
// because it does not know it is errLeaseLost.
func (c *client) renewLease(ctx context.Context, id string) (time.Duration, error) {
	got, err := c.api.Logical().WriteWithContext(ctx, renewPath, map[string]any{"lease_id": id})
	switch {
	case isStatus(err, http.StatusBadRequest) && mentions(answerOf(err), "not renewable"):
		return 0, c.explain("prolong a lease", err)
	case isStatus(err, http.StatusBadRequest):
		return 0, fmt.Errorf("%w: %w", errLeaseLost, c.explain("prolong a lease", err))
	case err != nil:
		return 0, c.explain("prolong a lease", err)
	case got == nil:
		return 0, fmt.Errorf("%s: %s was answered without a lease", c.name(), renewPath)
	}
	return time.Duration(got.LeaseDuration)*time.Second - rounding, nil
}

func (i *issuer) add(l *lease) {
	i.mu.Lock()
	i.leases = append(i.leases, l)
	i.mu.Unlock()
	select {
	case i.notice <- struct{}{}:
	default: // one notice is enough
	}
}

// keep prolongs every lease until ctx ends.
func (i *issuer) keep(ctx context.Context) {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	for kept := 0; ; {
		i.mu.Lock()
		leases := i.leases[kept:]
		i.mu.Unlock()
		for _, l := range leases {
			keeping.Go(func() { l.keep(ctx) })
		}
		kept += len(leases)
		select {
		case <-ctx.Done():
			return
		case <-i.notice:
		}
	}
}

// nudge has every lease prolonged now: a lease ends with the login it was made under.
func (i *issuer) nudge() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, l := range i.leases {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

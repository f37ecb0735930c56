package embedded

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// Consul's own limits of service metadata and the shortest time to deregistration it accepts.
const (
	maxMetaPairs       = 64
	maxMetaKey         = 128
	maxMetaValue       = 512
	minDeregisterAfter = time.Minute
)

// CatalogConfig says how the catalog runs; the zero value is usable.
type CatalogConfig struct {
	Port int // on 127.0.0.1; 0 chooses a free one

	minDeregisterAfter time.Duration // tests shorten it
}

// Catalog is a service catalog in this process that answers the part of Consul's HTTP API that
// nodes use, executes their HTTP checks and forgets services that stay critical. It has one agent,
// no ACLs, and of blocking queries only those of KV.
type Catalog struct {
	cfg     CatalogConfig
	server  *http.Server
	addr    string
	serving sync.WaitGroup
	running sync.WaitGroup // checks

	mu       sync.Mutex
	services map[string]*service // by service id
	kv       map[string]*api.KVPair
	index    uint64
	kvIndex  uint64        // index of the last change of KV
	changed  chan struct{} // closed at the next change of KV
	stopping chan struct{}
	stop     sync.Once
}

// service is one registration and the checks that watch it.
type service struct {
	reg    api.AgentServiceRegistration
	checks []*check
	cancel context.CancelFunc // ends its checks
}

// StartCatalog starts the catalog.
func StartCatalog(cfg CatalogConfig) (*Catalog, error) {
	if cfg.minDeregisterAfter == 0 {
		cfg.minDeregisterAfter = minDeregisterAfter
	}
	l, err := listen("the catalog", cfg.Port)
	if err != nil {
		return nil, err
	}
	c := &Catalog{
		cfg: cfg, addr: l.Addr().String(),
		services: map[string]*service{}, kv: map[string]*api.KVPair{},
		kvIndex: 1, changed: make(chan struct{}), stopping: make(chan struct{}),
	}
	c.server = &http.Server{Handler: c.routes(), ReadHeaderTimeout: 5 * time.Second}
	c.serving.Go(func() { _ = c.server.Serve(l) }) // ends with ErrServerClosed, by Stop
	return c, nil
}

// Addr returns the catalog's host:port, a value for CONSUL_HTTP_ADDR.
func (c *Catalog) Addr() string { return c.addr }

// Stop answers what is under way, at most a second, closes every connection and ends every check.
// It may be called more than once.
func (c *Catalog) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.stop.Do(func() { close(c.stopping) })
	if c.server.Shutdown(ctx) != nil {
		_ = c.server.Close()
	}
	c.serving.Wait()
	for _, s := range c.instances("") {
		c.deregister(s.reg.ID)
	}
	c.running.Wait()
	return nil
}

// register adds or replaces a service.
func (c *Catalog) register(reg api.AgentServiceRegistration) error {
	if reg.ID == "" {
		reg.ID = reg.Name
	}
	if err := validMeta(reg.Meta); err != nil {
		return err
	}
	defs := slices.Clone(reg.Checks)
	if reg.Check != nil {
		defs = append(defs, reg.Check)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{reg: reg, cancel: cancel}
	for i, def := range defs {
		k, err := newCheck(reg, def, i, c.cfg.minDeregisterAfter)
		if err != nil {
			cancel()
			return err
		}
		s.checks = append(s.checks, k)
	}
	c.deregister(reg.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	c.services[reg.ID] = s
	for _, k := range s.checks {
		c.running.Go(func() { c.watch(ctx, s, k) })
	}
	return nil
}

// watch executes a check until ctx ends; if its verdict is that the service is lost, it forgets it.
func (c *Catalog) watch(ctx context.Context, s *service, k *check) {
	if k.run(ctx) && ctx.Err() == nil { // a replaced service's context has ended
		c.deregister(s.reg.ID)
	}
}

// deregister forgets a service and ends its checks; it reports whether there was one.
func (c *Catalog) deregister(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.services[id]
	if ok {
		s.cancel()
		delete(c.services, id)
		c.index++
	}
	return ok
}

// instances returns the services of a name, all names if it is "", sorted by id.
func (c *Catalog) instances(name string) []*service {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*service
	for _, id := range slices.Sorted(maps.Keys(c.services)) {
		if s := c.services[id]; name == "" || s.reg.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// refusal is an answer in Consul's own words.
type refusal string

func (r refusal) Error() string { return string(r) }

func validMeta(meta map[string]string) error {
	if len(meta) > maxMetaPairs {
		return refusal(fmt.Sprintf("Invalid Service Meta: Node metadata cannot contain more than %d key/value pairs", maxMetaPairs))
	}
	for k, v := range meta {
		switch {
		case k == "":
			return refusal("Invalid Service Meta: Key cannot be blank")
		case len(k) > maxMetaKey:
			return refusal(fmt.Sprintf("Invalid Service Meta: Couldn't load metadata pair ('%s'): Key is too long (limit: %d characters)", k, maxMetaKey))
		case len(v) > maxMetaValue:
			return refusal(fmt.Sprintf("Invalid Service Meta: Couldn't load metadata pair ('%s'): Value is too long (limit: %d characters)", k, maxMetaValue))
		}
	}
	return nil
}

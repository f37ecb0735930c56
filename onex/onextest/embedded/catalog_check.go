package embedded

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	defaultCheckTimeout = 10 * time.Second
	maxCheckOutput      = 4 << 10
)

// check is one HTTP check of a service. As in Consul a check is critical until it has passed.
type check struct {
	def         *api.AgentServiceCheck
	health      api.HealthCheck // constant part
	interval    time.Duration
	timeout     time.Duration
	deregister  time.Duration // how long critical before the service is forgotten; 0: never
	mu          sync.Mutex
	status      string
	output      string
	criticalFor time.Time // since when; zero: not critical
}

func newCheck(reg api.AgentServiceRegistration, def *api.AgentServiceCheck, n int, minDeregister time.Duration) (*check, error) {
	if def.HTTP == "" {
		return nil, fmt.Errorf("check of service %q: the embedded catalog executes only HTTP checks", reg.Name)
	}
	interval, err := time.ParseDuration(def.Interval)
	if err != nil || interval <= 0 {
		return nil, fmt.Errorf("check of service %q: Interval must be > 0 for HTTP checks", reg.Name)
	}
	timeout, err := time.ParseDuration(cmp.Or(def.Timeout, defaultCheckTimeout.String()))
	if err != nil {
		return nil, fmt.Errorf("check of service %q: Timeout: %w", reg.Name, err)
	}
	deregister, err := time.ParseDuration(cmp.Or(def.DeregisterCriticalServiceAfter, "0s"))
	if err != nil {
		return nil, fmt.Errorf("check of service %q: DeregisterCriticalServiceAfter: %w", reg.Name, err)
	}
	if deregister > 0 {
		deregister = max(deregister, minDeregister)
	}
	return &check{
		def: def, interval: interval, timeout: timeout, deregister: deregister,
		status: cmp.Or(def.Status, api.HealthCritical), criticalFor: time.Now(),
		health: api.HealthCheck{
			Node: agentName, CheckID: cmp.Or(def.CheckID, fmt.Sprintf("service:%s:%d", reg.ID, n+1)),
			Name: cmp.Or(def.Name, fmt.Sprintf("Service '%s' check", reg.Name)), Notes: def.Notes,
			ServiceID: reg.ID, ServiceName: reg.Name, ServiceTags: reg.Tags, Type: "http",
		},
	}, nil
}

// run executes the check now and at each interval until ctx ends, or returns true when the service
// has been critical for too long.
func (k *check) run(ctx context.Context) bool {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(k.interval)
	defer tick.Stop()
	for {
		status, output := k.probe(ctx, client)
		if ctx.Err() != nil {
			return false
		}
		if k.record(status, output, time.Now()) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// probe maps an answer to a status by Consul's rule: 2xx passes, 429 warns, all else is critical.
func (k *check) probe(ctx context.Context, client *http.Client) (status, output string) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, cmp.Or(k.def.Method, http.MethodGet), k.def.HTTP, nil)
	if err != nil {
		return api.HealthCritical, err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return api.HealthCritical, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxCheckOutput))
	output = fmt.Sprintf("HTTP %s %s: %s Output: %s", req.Method, k.def.HTTP, resp.Status, body)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return api.HealthPassing, output
	case resp.StatusCode == http.StatusTooManyRequests:
		return api.HealthWarning, output
	default:
		return api.HealthCritical, output
	}
}

// record keeps a result and reports whether the service has been critical for too long.
func (k *check) record(status, output string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if status != api.HealthCritical {
		k.criticalFor = time.Time{}
	} else if k.criticalFor.IsZero() {
		k.criticalFor = now
	}
	k.status, k.output = status, output
	return k.deregister > 0 && status == api.HealthCritical && now.Sub(k.criticalFor) >= k.deregister
}

// state returns the check as the API shows it.
func (k *check) state() *api.HealthCheck {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.health
	h.Status, h.Output = k.status, k.output
	return &h
}

package embedded

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/hashicorp/consul/api"
)

const (
	agentName = "embedded"
	agentID   = "00000000-0000-0000-0000-000000000001"
	maxBody   = 512 << 10 // Consul's limit of a KV value
)

func (c *Catalog) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status/leader", c.leader)
	mux.HandleFunc("GET /v1/agent/self", c.self)
	mux.HandleFunc("PUT /v1/agent/service/register", c.putService)
	mux.HandleFunc("PUT /v1/agent/service/deregister/{id}", c.deleteService)
	mux.HandleFunc("GET /v1/agent/service/{id}", c.getService)
	mux.HandleFunc("GET /v1/agent/services", c.agentServices)
	mux.HandleFunc("GET /v1/health/service/{name}", c.health)
	mux.HandleFunc("GET /v1/catalog/services", c.catalogServices)
	mux.HandleFunc("GET /v1/catalog/service/{name}", c.catalogService)
	mux.HandleFunc("GET /v1/kv/{key...}", c.getKV)
	mux.HandleFunc("PUT /v1/kv/{key...}", c.putKV)
	mux.HandleFunc("DELETE /v1/kv/{key...}", c.deleteKV)
	return mux
}

// reply writes v with the headers that Consul's client requires.
func (c *Catalog) reply(w http.ResponseWriter, status int, v any) {
	c.mu.Lock()
	index := max(c.index, 1)
	c.mu.Unlock()
	c.replyAt(w, status, index, v)
}

func (c *Catalog) replyAt(w http.ResponseWriter, status int, index uint64, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Consul-Index", strconv.FormatUint(index, 10))
	h.Set("X-Consul-LastContact", "0")
	h.Set("X-Consul-KnownLeader", "true")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

func (c *Catalog) leader(w http.ResponseWriter, _ *http.Request) {
	c.reply(w, http.StatusOK, c.addr)
}

func (c *Catalog) self(w http.ResponseWriter, _ *http.Request) {
	c.reply(w, http.StatusOK, map[string]any{
		"Config": map[string]any{"NodeName": agentName, "NodeID": agentID, "Datacenter": "dc1", "Server": true},
	})
}

func (c *Catalog) putService(w http.ResponseWriter, r *http.Request) {
	var reg api.AgentServiceRegistration
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&reg); err != nil {
		http.Error(w, "Request decode failed: "+err.Error(), http.StatusBadRequest)
		return
	}
	if reg.Name == "" {
		http.Error(w, "Missing service name", http.StatusBadRequest)
		return
	}
	if err := c.register(reg); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *Catalog) deleteService(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !c.deregister(id) {
		http.Error(w, fmt.Sprintf("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id), http.StatusNotFound)
	}
}

func (c *Catalog) getService(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	for _, s := range c.instances("") {
		if s.reg.ID == id {
			c.reply(w, http.StatusOK, s.agentService())
			return
		}
	}
	http.Error(w, "unknown service ID: "+id, http.StatusNotFound)
}

func (c *Catalog) agentServices(w http.ResponseWriter, _ *http.Request) {
	all := map[string]*api.AgentService{}
	for _, s := range c.instances("") {
		all[s.reg.ID] = s.agentService()
	}
	c.reply(w, http.StatusOK, all)
}

func (c *Catalog) health(w http.ResponseWriter, r *http.Request) {
	onlyPassing := r.URL.Query().Has("passing")
	entries := []*api.ServiceEntry{}
	for _, s := range c.instances(r.PathValue("name")) {
		e := &api.ServiceEntry{Node: c.node(), Service: s.agentService(), Checks: s.states()}
		if !onlyPassing || e.Checks.AggregatedStatus() == api.HealthPassing {
			entries = append(entries, e)
		}
	}
	c.reply(w, http.StatusOK, entries)
}

func (c *Catalog) catalogServices(w http.ResponseWriter, _ *http.Request) {
	tags := map[string][]string{}
	for _, s := range c.instances("") {
		merged := append(append([]string{}, tags[s.reg.Name]...), s.reg.Tags...)
		slices.Sort(merged)
		tags[s.reg.Name] = slices.Compact(merged)
	}
	c.reply(w, http.StatusOK, tags)
}

func (c *Catalog) catalogService(w http.ResponseWriter, r *http.Request) {
	list := []*api.CatalogService{}
	for _, s := range c.instances(r.PathValue("name")) {
		list = append(list, &api.CatalogService{
			ID: agentID, Node: agentName, Address: loopback, Datacenter: "dc1",
			ServiceID: s.reg.ID, ServiceName: s.reg.Name, ServiceAddress: s.reg.Address,
			ServicePort: s.reg.Port, ServiceTags: s.reg.Tags, ServiceMeta: s.reg.Meta,
		})
	}
	c.reply(w, http.StatusOK, list)
}

func (c *Catalog) node() *api.Node {
	return &api.Node{ID: agentID, Node: agentName, Address: loopback, Datacenter: "dc1"}
}

func (s *service) agentService() *api.AgentService {
	return &api.AgentService{
		ID: s.reg.ID, Service: s.reg.Name, Tags: s.reg.Tags, Meta: s.reg.Meta,
		Address: s.reg.Address, Port: s.reg.Port, Datacenter: "dc1",
	}
}

func (s *service) states() api.HealthChecks {
	states := make(api.HealthChecks, 0, len(s.checks))
	for _, k := range s.checks {
		states = append(states, k.state())
	}
	return states
}

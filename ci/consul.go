package main

// consul runs a single Consul server in memory.
func (m *Omninode) consul(run string) *backend {
	return server(run, "consul", 8500, m.from(consulImage),
		"docker-entrypoint.sh", "agent", "-dev", "-client", "0.0.0.0", "-log-level", "info")
}

func (s *stack) consulURL() string { return "http://" + s.consul.address() }

package local

import "github.com/omninode-ai/omninode/onex/onextest/embedded"

// Port is a port on 127.0.0.1 that is always the same while a fleet is developed, so that other
// programs can be pointed at it.
type Port struct {
	Name string
	Port int
}

// The ports of omninode dev: the usual ones with a 1 in front, so that they are seldom taken.
const (
	devPostgres = 15432
	devKafka    = 19092
	devCatalog  = 18500
	devHTTP     = 18080
	devGateway  = 18090
)

// DevPorts returns the ports of omninode dev.
func DevPorts() []Port {
	return []Port{{"postgres", devPostgres}, {"kafka", devKafka}, {"catalog", devCatalog}, {"nodes", devHTTP}, {"gateway", devGateway}}
}

// Dev returns the configuration of omninode dev, whose data is kept in dir; free chooses free ports.
func (c Config) Dev(dir string, free bool) Config {
	c.Stack = embedded.Config{Dir: dir}
	if !free {
		c.Stack.PostgresPort, c.Stack.KafkaPort, c.Stack.CatalogPort = devPostgres, devKafka, devCatalog
		c.Ports = Ports{HTTP: devHTTP, Gateway: devGateway}
	}
	return c
}

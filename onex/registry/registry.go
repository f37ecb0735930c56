// Package registry is the port to the service catalog: a node registers itself at start, is found
// by others with its event metadata, and deregisters when it stops. internal/consul implements it;
// package registrytest is the suite an implementation must pass.
//
// The package also knows what a node says about itself (Meta) and how a value that is too long for
// the catalog travels beside it (Pack, Unpack).
package registry

import (
	"context"
	"time"
)

// Registration is one instance of a service as it announces itself.
type Registration struct {
	Service string // node name
	ID      string // stable over restarts: ServiceID(node, instance)
	Address string // host that others and the health check reach the instance at
	Port    int
	Tags    []string
	Meta    map[string]string // of any length; what does not fit is stored beside the catalog

	CheckURL        string        // answers 2xx while the instance may be used
	CheckInterval   time.Duration // 0: 10s
	CheckTimeout    time.Duration // 0: 1s
	DeregisterAfter time.Duration // critical for so long: removed; 0: 1m, which is also the least
}

// ServiceID returns the id of an instance of a node.
func ServiceID(node, instance string) string { return node + "-" + instance }

// Registrar announces instances. Implementations are safe for concurrent use, bound every call in
// time and keep what they registered registered until Deregister, even if the catalog forgets it.
type Registrar interface {
	// Register announces an instance, replacing an earlier announcement with the same id.
	Register(ctx context.Context, r Registration) error

	// Deregister takes an instance back. It is no error if the catalog does not know it.
	Deregister(ctx context.Context, id string) error
}

// Catalog answers who is there. Implementations are safe for concurrent use.
type Catalog interface {
	// Instances returns all instances of a service, sorted by ID, whether they pass or not. A
	// service nobody registered has none.
	Instances(ctx context.Context, service string) ([]Instance, error)
}

// Instance is what the catalog knows about a registered instance.
type Instance struct {
	Service string
	ID      string
	Address string
	Port    int
	Tags    []string
	Meta    map[string]string // complete: overflowed values are fetched and their hash is checked
	MetaErr error             // why an overflowed value could not be used; Meta then holds its digest
	Passing bool              // every check passes
	Output  string            // of the checks that do not pass, or of the last one
}

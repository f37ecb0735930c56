// Package embedded runs the backends of a fleet on this machine without containers: a real
// Postgres, a Kafka-protocol broker in this process, and a catalog that speaks the part of Consul's
// HTTP API that nodes use. Tests, `omninode dev` and `omninode e2e` use it; it is never linked into
// a node. Everything listens on 127.0.0.1 and dies with this process.
package embedded

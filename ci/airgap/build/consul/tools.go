//go:build tools

// Package tools pins the Consul server that airgap builds. Nothing compiles it:
// `go mod tidy` reads it to know what go.sum must cover.
package tools

import _ "github.com/hashicorp/consul"

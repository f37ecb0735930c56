//go:build tools

// Package tools pins the programs of Dagger that airgap builds. Nothing
// compiles it: `go mod tidy` reads it to know what go.sum must cover.
package tools

import (
	_ "github.com/dagger/dagger/cmd/codegen"
	_ "github.com/dagger/dagger/cmd/dagger"
	_ "github.com/dagger/dagger/cmd/dialstdio"
	_ "github.com/dagger/dagger/cmd/dnsname"
	_ "github.com/dagger/dagger/cmd/engine"
	_ "github.com/dagger/dagger/cmd/init"
)

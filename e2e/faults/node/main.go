// Command node is the process that fault runs kill, stop and starve.
package main

import (
	"fmt"
	"os"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex"
)

func main() {
	n, err := roles.FromEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	onex.Main(n)
}

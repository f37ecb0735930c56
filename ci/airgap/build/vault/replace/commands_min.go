//go:build minimal

// Package command is one file of it: airgap puts it in the place of the file of
// the same name in Vault's source, which says what the command line of a minimal
// build adds to the core. File storage is what a server that survives a restart
// is configured with most simply; the official binary has it too.
package command

import (
	"github.com/hashicorp/vault/sdk/physical/file"

	_ "github.com/hashicorp/vault/helper/builtinplugins" // the plugins to build in
)

func extendAddonHandlers(handlers *vaultHandlers) {
	handlers.physicalBackends["file"] = file.NewFileBackend
}

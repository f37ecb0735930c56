package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

const (
	codeNoModule = "ONEX_CLI_006_NO_MODULE"
	ownModule    = "github.com/omninode-ai/omninode"
)

// goModule is the Go module a folder belongs to.
type goModule struct {
	Path string // module path
	Root string // absolute folder of go.mod
}

// findModule looks for the go.mod that governs dir, which need not exist yet.
func findModule(dir string) (goModule, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return goModule{}, err
	}
	for {
		src, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil {
			return parseModule(at, src)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return goModule{}, unreadable(filepath.Join(at, "go.mod"), err)
		}
		if at == filepath.Dir(at) {
			return goModule{}, mistake(codeNoModule, fmt.Errorf("%s is not in a Go module", dir),
				"omninode init DIR --module example.com/shop")
		}
		at = filepath.Dir(at)
	}
}

func parseModule(root string, src []byte) (goModule, error) {
	p := modfile.ModulePath(src)
	if err := module.CheckImportPath(p); err != nil {
		return goModule{}, mistake(codeNoModule, fmt.Errorf("%s names no module: %w", filepath.Join(root, "go.mod"), err), "correct its module line")
	}
	return goModule{Path: p, Root: root}, nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A goBuild compiles programs out of the Go module proxy. The committed module
// build/<name> pins what goes in, with its go.sum.
type goBuild struct {
	name     string
	module   string   // that the programs are part of
	programs []string // packages below it; "" is its root
	tags     string
	ldflags  string
	disk     int64             // modules, build cache and result
	replace  map[string]string // file of the module → file of ours instead
}

func daggerBuild() goBuild {
	return goBuild{
		name: "dagger", module: "github.com/dagger/dagger",
		programs: []string{"cmd/codegen", "cmd/dagger", "cmd/dialstdio", "cmd/dnsname", "cmd/engine", "cmd/init"},
		ldflags: "-X github.com/dagger/dagger/engine.Version=" + daggerVersion +
			" -X github.com/dagger/dagger/engine.Tag=" + daggerVersion,
		disk: 5 * gib,
	}
}

// vaultBuild is a minimal Vault with two plugins and a storage that the pipeline
// uses besides: the full one would take ten minutes for clouds nobody here asks.
func vaultBuild() goBuild {
	return goBuild{
		name: "vault", module: "github.com/hashicorp/vault",
		programs: []string{""}, tags: "minimal", disk: 4 * gib,
		replace: map[string]string{
			"command/commands_min.go":               "replace/commands_min.go",
			"helper/builtinplugins/registry_min.go": "replace/registry_min.go",
		},
	}
}

func consulBuild() goBuild {
	return goBuild{
		name: "consul", module: "github.com/hashicorp/consul",
		programs: []string{""}, disk: 2 * gib,
	}
}

// packages are the import paths of the programs.
func (b goBuild) packages() []string {
	var paths []string
	for _, program := range b.programs {
		paths = append(paths, strings.TrimSuffix(b.module+"/"+program, "/"))
	}
	return paths
}

// fetchModules is the step that downloads, while Dagger compiles, the modules
// that Vault and Consul will need: their compilation then has both cores to use.
// It is only ever early, never needed: go downloads what is still missing.
func (s *site) fetchModules() step {
	builds := []goBuild{vaultBuild(), consulBuild()}
	st := step{name: "fetch modules", lane: assembling, expect: 60 * time.Second}
	st = s.cached(st, "modules", s.keys.modules, func(ctx context.Context, _ string, log io.Writer) error {
		for _, b := range builds {
			args := append([]string{"list", "-deps", "-tags=" + b.tags}, b.packages()...)
			if _, err := s.runGo(ctx, filepath.Join(s.source, "build", b.name), log, args...); err != nil {
				return err
			}
		}
		return nil
	})
	fetched := st.ready
	st.ready = func(ctx context.Context) bool {
		return s.cache.has("vault", s.keys.vault) && s.cache.has("consul", s.keys.consul) || fetched(ctx)
	}
	return st
}

// compile is the step that builds programs into the cache.
func (s *site) compile(b goBuild, key string, expect time.Duration) step {
	st := step{name: "compile " + b.name, lane: compiling, expect: expect, disk: b.disk}
	return s.cached(st, b.name, key, func(ctx context.Context, dir string, log io.Writer) error {
		return s.goBuild(ctx, b, dir, log)
	})
}

func (s *site) goBuild(ctx context.Context, b goBuild, dir string, log io.Writer) error {
	from := filepath.Join(s.source, "build", b.name)
	if len(b.replace) > 0 {
		patched, err := s.patchModule(ctx, b, from, filepath.Join(dir, "source"), log)
		if err != nil {
			return err
		}
		from = patched
	}
	args := []string{
		"build", "-trimpath", "-buildvcs=false", "-tags=" + b.tags,
		"-ldflags=-s -w " + b.ldflags, "-o", dir + "/",
	}
	if _, err := s.runGo(ctx, from, log, append(args, b.packages()...)...); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, "source"))
}

// patchModule copies the pinning module and the source of the one it pins into
// dir, with the replaced files exchanged, and returns where to build. Go allows
// no overlay on its module cache.
func (s *site) patchModule(ctx context.Context, b goBuild, from, dir string, log io.Writer) (string, error) {
	out, err := s.runGo(ctx, from, log, "mod", "download", "-json", b.module)
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return "", fmt.Errorf("read where go put %s: %w", b.module, err)
	}
	upstream := filepath.Join(dir, "upstream")
	if err := os.MkdirAll(upstream, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the source: %w", err)
	}
	if err := os.CopyFS(upstream, os.DirFS(downloaded.Dir)); err != nil {
		return "", fmt.Errorf("copy the source of %s: %w", b.module, err)
	}
	files := map[string]string{"go.mod": "go.mod", "go.sum": "go.sum"}
	for theirs, ours := range b.replace {
		files[filepath.Join("upstream", theirs)] = ours
	}
	for to, file := range files {
		if err := replaceFile(filepath.Join(from, file), filepath.Join(dir, to)); err != nil {
			return "", err
		}
	}
	_, err = s.runGo(ctx, dir, log, "mod", "edit", "-replace="+b.module+"=./upstream")
	return dir, err
}

// replaceFile puts a copy of src in the place of dst, which may be read-only.
func replaceFile(src, dst string) error {
	content, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dst); err != nil {
		return err
	}
	return os.WriteFile(dst, content, 0o644)
}

// runGo runs the go command without what the caller's environment may add.
func (s *site) runGo(ctx context.Context, dir string, log io.Writer, args ...string) (string, error) {
	return s.exec(ctx, command{
		name: "go", args: args, dir: dir, log: log,
		env: []string{"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off"},
	})
}

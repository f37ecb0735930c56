package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// warmUp is the step that loads one small module: it fills the engine's cache
// of Go modules and compiled packages, which the first real call would wait
// for, and proves that CLI, engine and SDK work together.
func (s *site) warmUp() step {
	return step{
		name: "warm-up", lane: assembling, needs: []string{"engine"},
		key: s.keys.engine, expect: 45 * time.Second, size: unsized,
		ready: func(ctx context.Context) bool {
			mark, err := s.docker.quiet(ctx, "exec", engineName, "cat", warmMark)
			return err == nil && mark == s.keys.engine
		},
		make: func(ctx context.Context, log io.Writer) error {
			if err := s.loadModule(ctx, log); err != nil {
				return err
			}
			script := "echo " + s.keys.engine + " >" + warmMark
			return s.docker.logged(ctx, log, "exec", engineName, "sh", "-c", script)
		},
	}
}

// warmMark is a file in the engine's volume: a new volume is cold.
const warmMark = "/var/lib/dagger/airgap-warm"

func (s *site) loadModule(ctx context.Context, log io.Writer) error {
	dir := filepath.Join(s.cache.root, "context", "warm-up")
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the rest of an earlier run: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for a module: %w", err)
	}
	for name, content := range warmModule() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("write a module: %w", err)
		}
	}
	var env []string
	for _, v := range s.environment() {
		env = append(env, v.name+"="+v.value)
	}
	_, err := s.exec(ctx, command{
		name: s.cliTarget(), args: []string{"functions"}, dir: dir, env: env, log: log,
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// warmModule is a module that imports what every module's generated code does.
func warmModule() map[string]string {
	return map[string]string{
		"dagger.json": `{"name": "warmup", "engineVersion": "` + daggerVersion + `", "sdk": {"source": "go"}}`,
		"main.go": `// A module that only has to compile.
package main

type Warmup struct{}

// Hello says so.
func (m *Warmup) Hello() string { return "hello" }
`,
	}
}

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/internal/process"
)

// BuildError says that the fleet does not compile; Output is what the compiler said.
type BuildError struct {
	Output string
	Err    error
}

// Error begins with the compiler's first complaint.
func (e *BuildError) Error() string {
	first := e.Err.Error()
	for line := range strings.Lines(e.Output) {
		if !strings.HasPrefix(line, "#") { // names the package
			first = strings.TrimSpace(line)
			break
		}
	}
	return "build the fleet: " + first + "\n" + e.Output
}

func (e *BuildError) Unwrap() error { return e.Err }

// BuildNode compiles one node of the module at root to a program and returns where it is.
func BuildNode(ctx context.Context, root, contracts, node string) (program string, err error) {
	program, err = filepath.Abs(filepath.Join(root, ".omninode", "bin", node))
	if err != nil {
		return "", fmt.Errorf("find a place for the program: %w", err)
	}
	return program, build(ctx, root, filepath.Join(contracts, node, "cmd"), program)
}

// build compiles the command in the folder pkg of the module at root to a program.
func build(ctx context.Context, root, pkg, to string) error {
	abs, err := filepath.Abs(pkg)
	if err != nil {
		return fmt.Errorf("find the fleet's command: %w", err)
	}
	if _, err := os.Stat(filepath.Join(abs, "main.gen.go")); err != nil {
		return fmt.Errorf("find the fleet's command: %w; write it with: omninode generate", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("make the folder of the fleet's program: %w", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(to), "build-") // a killed go command leaves its own
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "go", "build", "-o", to, abs)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOTMPDIR="+scratch) // as everything else is built: the cache is shared
	p, err := process.Start(cmd, process.Config{})
	if err != nil {
		return fmt.Errorf("build the fleet: %w; is Go installed?", err)
	}
	err = p.Wait(ctx, 2*time.Second, syscall.SIGINT)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("build the fleet: %w", err)
	}
	if err != nil {
		return &BuildError{Output: strings.Join(p.Tail(), "\n"), Err: err}
	}
	return nil
}

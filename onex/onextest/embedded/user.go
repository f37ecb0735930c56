package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// runAs says how the server's programs are run. Postgres refuses to run as root.
type runAs struct {
	bin   string // folder of the binaries
	attr  *syscall.SysProcAttr
	owner int // user id that owns the files; -1: the process's own
}

// data returns the server's data folder below dir.
func (runAs) data(dir string) string { return filepath.Join(dir, "data") }

func (r runAs) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "bin", program), args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.Dir = r.bin
	if r.attr != nil {
		attr := *r.attr
		cmd.SysProcAttr = &attr
	}
	return cmd
}

func (r runAs) writeFile(name, content string) error {
	err := os.WriteFile(name, []byte(content), 0o600)
	if err == nil && r.owner >= 0 {
		err = os.Chown(name, r.owner, r.owner)
	}
	if err != nil {
		return fmt.Errorf("write a file of the server: %w", err)
	}
	return nil
}

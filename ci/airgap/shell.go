package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A command is one run of another program.
type command struct {
	name string
	args []string
	dir  string    // "" is the current one
	env  []string  // added to this process's
	in   io.Reader // nil is no input
	log  io.Writer // gets all output as it comes; nil drops it
}

func (c command) String() string {
	return strings.Join(append([]string{c.name}, c.args...), " ")
}

// A runner carries out commands; tests put their own in place of execute.
type runner func(ctx context.Context, c command) (stdout string, err error)

// tailLines is how much of a failed program's output an error keeps.
const tailLines = 30

// execute runs a command to its end and returns what it wrote to standard
// output. When ctx ends, the command's whole process group gets SIGTERM, and
// SIGKILL five seconds later. When this process is killed, so is the command.
func execute(ctx context.Context, c command) (string, error) {
	// The kernel sends Pdeathsig when the *thread* that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var stdout strings.Builder
	output := &transcript{log: c.log}
	if c.log != nil {
		fmt.Fprintln(c.log, "+", c)
	}
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdin = c.in
	cmd.Stdout = io.MultiWriter(&stdout, output)
	cmd.Stderr = output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second

	err := cmd.Run()
	if cmd.Process != nil && ctx.Err() != nil {
		// Whatever of the group ignored SIGTERM; none left is the usual answer.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err == nil {
		return stdout.String(), nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%s is not installed", c.name)
	}
	return stdout.String(), &commandError{command: c.String(), tail: output.String(), err: err}
}

// A transcript passes a program's output on and keeps its last lines. Both of
// the program's streams write to it at the same time.
type transcript struct {
	log io.Writer // nil if nobody reads

	mu      sync.Mutex
	lines   []string
	partial string
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial += string(p)
	for {
		line, rest, found := strings.Cut(t.partial, "\n")
		if !found {
			break
		}
		t.partial = rest
		t.lines = append(t.lines, line)
		if len(t.lines) > tailLines {
			t.lines = t.lines[1:]
		}
	}
	if t.log == nil {
		return len(p), nil
	}
	return t.log.Write(p)
}

// String is the last lines.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	if t.partial != "" {
		lines = append(slices.Clone(lines), t.partial)
	}
	return strings.Join(lines, "\n")
}

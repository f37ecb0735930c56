package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A dockerRuntime is where dockerd and its containerd keep what a hard kill
// leaves behind.
type dockerRuntime struct {
	pidFile string
	sockets []string
}

func hostRuntime() dockerRuntime {
	return dockerRuntime{
		pidFile: "/var/run/docker.pid",
		sockets: []string{
			"/run/containerd/containerd.sock", // of a containerd of its own
			"/var/run/docker/containerd/containerd.sock",
			"/var/run/docker/containerd/containerd-debug.sock",
		},
	}
}

// dockerd is the step that has a Docker daemon answer.
func (s *site) dockerd() step {
	return step{
		name: "dockerd", lane: assembling, needs: []string{"host tools"},
		expect: 4 * time.Second, size: unsized,
		ready: s.docker.answers,
		make:  s.startDockerd,
	}
}

// startDockerd starts a daemon that outlives this program and remembers that it
// was started here.
func (s *site) startDockerd(ctx context.Context, log io.Writer) error {
	if err := hostRuntime().heal(ctx, log); err != nil {
		return err
	}
	logPath := filepath.Join(s.cache.root, "dockerd.log")
	file, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("open dockerd's log: %w", err)
	}
	defer file.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "dockerd")
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	if err := s.rememberDockerd(cmd.Process.Pid); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return s.awaitDockerd(ctx, exited, logPath)
}

func (s *site) awaitDockerd(ctx context.Context, exited <-chan error, logPath string) error {
	deadline := time.After(60 * time.Second)
	for {
		select {
		case err := <-exited:
			err = fmt.Errorf("dockerd ended at once: %w\n%s", err, lastLines(logPath))
			return &remedied{err: err, next: "less " + logPath}
		case <-deadline:
			err := fmt.Errorf("dockerd does not answer after 60 s\n%s", lastLines(logPath))
			return &remedied{err: err, next: "less " + logPath}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
			if s.docker.answers(ctx) {
				return nil
			}
		}
	}
}

// heal removes what a daemon that was killed hard leaves behind and what keeps
// the next one from starting. Nothing of a living process is touched.
func (r dockerRuntime) heal(ctx context.Context, log io.Writer) error {
	if pid, err := readPid(r.pidFile); err == nil {
		if processName(pid) == "dockerd" {
			err := fmt.Errorf("a dockerd (pid %d) is running but does not answer", pid)
			return &remedied{err: err, next: fmt.Sprintf("kill %d && %s up", pid, self)}
		}
		fmt.Fprintf(log, "remove %s: process %d is no dockerd\n", r.pidFile, pid)
		if err := os.Remove(r.pidFile); err != nil {
			return fmt.Errorf("remove a stale pid file: %w", err)
		}
	}
	for _, socket := range r.sockets {
		if err := removeStaleSocket(ctx, socket, log); err != nil {
			return err
		}
	}
	return nil
}

// removeStaleSocket removes a containerd's socket at which nobody listens, and
// the pid file beside it.
func removeStaleSocket(ctx context.Context, socket string, log io.Writer) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err == nil {
		return conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil // not there
	}
	fmt.Fprintf(log, "remove %s: nobody listens\n", socket)
	if err := os.Remove(socket); err != nil {
		return fmt.Errorf("remove a stale socket: %w", err)
	}
	pidFile := filepath.Join(filepath.Dir(socket), "containerd.pid")
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a stale pid file: %w", err)
	}
	return nil
}

// A daemon is a process recognised beyond the reuse of its number.
type daemon struct {
	Pid     int    `json:"pid"`
	Started string `json:"started"` // in clock ticks since boot
}

func (s *site) daemonFile() string { return filepath.Join(s.cache.root, "dockerd.json") }

func (s *site) rememberDockerd(pid int) error {
	record, err := json.Marshal(daemon{Pid: pid, Started: startTicks(pid)})
	if err != nil {
		return fmt.Errorf("encode the record of dockerd: %w", err)
	}
	if err := os.WriteFile(s.daemonFile(), record, 0o644); err != nil {
		return fmt.Errorf("remember that dockerd was started here: %w", err)
	}
	return nil
}

// ourDockerd is the pid of the running dockerd that up started, 0 if none is.
func (s *site) ourDockerd() int {
	record, err := os.ReadFile(s.daemonFile())
	if err != nil {
		return 0
	}
	var d daemon
	if json.Unmarshal(record, &d) != nil || d.Started == "" {
		return 0
	}
	if processName(d.Pid) != "dockerd" || startTicks(d.Pid) != d.Started {
		return 0
	}
	return d.Pid
}

// stopDockerd stops the daemon if up started it, and tells whether it did.
func (s *site) stopDockerd(ctx context.Context) (bool, error) {
	pid := s.ourDockerd()
	if pid == 0 {
		return false, nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return false, fmt.Errorf("stop dockerd (pid %d): %w", pid, err)
	}
	for range 300 {
		if s.ourDockerd() == 0 {
			return true, os.Remove(s.daemonFile())
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	err := fmt.Errorf("dockerd (pid %d) has not ended 30 s after SIGTERM", pid)
	return false, &remedied{err: err, next: fmt.Sprintf("kill -9 %d", pid)}
}

func readPid(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// processName is the name of a living process, "" if there is none.
func processName(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// startTicks is when a process started, "" if there is none or it is a zombie.
func startTicks(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold blanks: count from its end.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const state, starttime = 0, 19
	if len(fields) <= starttime || fields[state] == "Z" {
		return ""
	}
	return fields[starttime]
}

// lastLines is the end of a log, for an error's text.
func lastLines(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	tail := &transcript{}
	_, _ = tail.Write(content) // cannot fail without a log
	return tail.String()
}

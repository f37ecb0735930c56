// Package process runs child processes that do not outlive this one: each leads its own process
// group, is told to die when this process does (Linux), and is stopped with signals of rising force.
// It keeps the last lines a child wrote, so that a failure can show them.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running child.
type Process struct {
	cmd  *exec.Cmd
	tail *Tail
	done chan struct{}
	err  error // of Wait; read after done is closed
}

// Config describes how a child is started; the zero value is usable.
type Config struct {
	Death syscall.Signal // sent when this process dies (Linux); 0 is SIGKILL
	Log   io.Writer      // gets everything the child writes; nil: only the tail is kept
	Lines int            // lines the tail keeps; 0 is 40
}

// Start starts cmd, whose output fields must not be set. The parent-death signal follows the thread
// that forks, so fork and wait happen in one goroutine that keeps its thread.
func Start(cmd *exec.Cmd, cfg Config) (*Process, error) {
	p := &Process{cmd: cmd, tail: NewTail(cfg.Lines), done: make(chan struct{})}
	out := io.Writer(p.tail)
	if cfg.Log != nil {
		out = io.MultiWriter(p.tail, cfg.Log)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second // a grandchild that keeps the pipe open must not hold us
	isolate(cmd, cfg.Death)
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
	close(p.done)
}

// Pid returns the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the child ended: nil for exit code 0. It is meaningful once Done is closed.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Tail returns the last lines the child wrote.
func (p *Process) Tail() []string { return p.tail.Lines() }

// Stop sends the signals in turn, each time waiting up to grace for the child to end, and then kills
// its group. It returns when the child is gone, so it takes at most grace for each signal.
func (p *Process) Stop(grace time.Duration, signals ...syscall.Signal) error {
	for _, s := range signals {
		if err := p.signal(s); err != nil {
			break
		}
		if p.waitFor(grace) {
			break
		}
	}
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL) // also what is left of the group
	<-p.done
	return p.err
}

// Wait waits for the child to end, or stops it as Stop does when ctx ends before.
func (p *Process) Wait(ctx context.Context, grace time.Duration, signals ...syscall.Signal) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.Stop(grace, signals...))
	}
}

func (p *Process) signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return errors.New("process has ended")
	default:
		return p.cmd.Process.Signal(s)
	}
}

func (p *Process) waitFor(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
		return false
	}
}

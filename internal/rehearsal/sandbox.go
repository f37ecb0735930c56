package rehearsal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/omninode-ai/omninode/internal/process"
)

// Argument makes the program of a node play cues.
const Argument = "rehearse"

// Sandbox is a program that plays cues. It has no network where the system lets it be taken away, and no
// environment but what it is given.
type Sandbox struct {
	Hello    Hello
	Isolated string // "": it has no network; else why it may have one

	cmd    *exec.Cmd
	in     io.WriteCloser
	w      *bufio.Writer
	out    *bufio.Reader
	said   last
	over   sync.Once
	ended  chan struct{} // nothing more is read
	exited chan struct{}
	err    error // of its end, once it has exited
}

// Start runs a program of a node in a folder.
func Start(ctx context.Context, program, dir string, env []string) (*Sandbox, error) {
	s, err := start(ctx, program, dir, env, true)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, errRefused) {
		return nil, err
	}
	why := err
	if s, err = start(ctx, program, dir, env, false); err != nil {
		return nil, err
	}
	s.Isolated = why.Error()
	return s, nil
}

// errRefused says that the system does not let the program be cut off.
var errRefused = errors.New("this system does not let a program be cut off from the network")

func start(ctx context.Context, program, dir string, env []string, cut bool) (*Sandbox, error) {
	s := &Sandbox{cmd: exec.CommandContext(ctx, program, Argument), ended: make(chan struct{}), exited: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = dir, env, &s.said
	if cut && !cutOff(s.cmd) {
		return nil, errRefused
	}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	s.in, s.w, s.out = in, bufio.NewWriterSize(in, 64<<10), bufio.NewReaderSize(out, 64<<10)
	started := make(chan error)
	go s.live(started)
	if err := <-started; err != nil {
		if cut && slices.ContainsFunc([]error{syscall.EPERM, syscall.ENOSPC, syscall.EINVAL}, func(e error) bool { return errors.Is(err, e) }) {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
		return nil, fmt.Errorf("start the program: %w", err)
	}
	return s, s.greet()
}

// live starts the program and waits for its end, by a thread whose end would be the program's.
func (s *Sandbox) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process.Tie(s.cmd, syscall.SIGKILL)
	err := s.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	<-s.ended
	s.err = s.cmd.Wait()
	close(s.exited)
}

// greet reads who the program is.
func (s *Sandbox) greet() error {
	line, err := s.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.Hello)
	}
	if err != nil {
		return errors.Join(s.finish(err), s.Close())
	}
	return nil
}

// finish returns why the program said nothing more: what it wrote as the reason, if it did.
func (s *Sandbox) finish(err error) error {
	s.over.Do(func() { close(s.ended) })
	<-s.exited
	switch {
	case s.err == nil && errors.Is(err, io.EOF):
		return nil
	case s.said.text() != "":
		return &ProgramError{Said: s.said.text(), Err: errors.Join(s.err, err)}
	}
	return fmt.Errorf("the program ended: %w", errors.Join(s.err, err))
}

// ProgramError says why a program could not play.
type ProgramError struct {
	Said string // last lines that it wrote
	Err  error
}

// Error begins with what the program gave as the reason, if it did.
func (e *ProgramError) Error() string {
	for line := range strings.Lines(e.Said) {
		if reason, ok := strings.CutPrefix(line, "error: "); ok {
			return "the program ended: " + strings.TrimSpace(reason)
		}
	}
	return "the program ended: " + strings.TrimSpace(e.Said)
}

func (e *ProgramError) Unwrap() error { return e.Err }

// Cue implements Player.
func (s *Sandbox) Cue(c Cue) error {
	line, err := json.Marshal(c)
	if err == nil {
		_, err = s.w.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("cue the program: %w", err)
	}
	return nil
}

// End implements Player.
func (s *Sandbox) End() error {
	if err := errors.Join(s.w.Flush(), s.in.Close()); err != nil {
		return fmt.Errorf("cue the program: %w", err)
	}
	return nil
}

// Played implements Player.
func (s *Sandbox) Played() (p Played, ok bool, err error) {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return p, false, s.finish(err)
	}
	if err := json.Unmarshal(line, &p); err != nil {
		return p, false, fmt.Errorf("the program wrote %q to its output: only answers belong there: %w", strings.TrimSpace(string(line[:min(len(line), 200)])), err)
	}
	return p, true, nil
}

// Close ends the program if it still runs.
func (s *Sandbox) Close() error {
	_ = s.in.Close()
	_ = s.cmd.Process.Kill() // it keeps nothing
	s.over.Do(func() { close(s.ended) })
	<-s.exited
	return nil
}

// last keeps the end of what is written to it.
type last struct {
	mu   sync.Mutex
	data []byte
}

const lastBytes = 8 << 10

// Write implements io.Writer.
func (l *last) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = append(l.data, p...)
	l.data = l.data[max(0, len(l.data)-lastBytes):]
	return len(p), nil
}

func (l *last) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.data))
}

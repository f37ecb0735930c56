package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string, cfg Config) *Process {
	t.Helper()
	p, err := Start(exec.CommandContext(t.Context(), "sh", "-c", script), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(0) })
	return p
}

func TestOutputAndExitCode(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := shell(t, "echo one; echo two >&2; exit 3", Config{Log: &log})
	<-p.Done()
	exit, ok := errors.AsType[*exec.ExitError](p.Err())
	if !ok || exit.ExitCode() != 3 {
		t.Errorf("Err = %v, want exit code 3", p.Err())
	}
	if got := strings.Join(p.Tail(), ","); got != "one,two" || log.String() != "one\ntwo\n" {
		t.Errorf("tail %q, log %q", got, &log)
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := Start(exec.CommandContext(t.Context(), "/no/such/program"), Config{})
	if err == nil || !strings.Contains(err.Error(), "start /no/such/program") {
		t.Errorf("Start = %v", err)
	}
}

// TestStopTakesTheWholeGroup stops a shell that ignores the polite signal, with a child of its own.
func TestStopTakesTheWholeGroup(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe() // the children hold write: its end is their end
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" TERM; sleep 60 & echo up; wait`)
	cmd.ExtraFiles = []*os.File{write}
	p, err := Start(cmd, Config{})
	if err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	for deadline := time.Now().Add(5 * time.Second); len(p.Tail()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the shell says nothing")
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.Stop(20*time.Millisecond, syscall.SIGTERM); err == nil {
		t.Error("a killed process has no error")
	}
	if err := read.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := read.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a process of the group still runs")
	}
}

func TestWaitStopsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	p := shell(t, "sleep 60", Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx, 5*time.Second, syscall.SIGTERM); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want canceled", err)
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	tail := NewTail(2)
	for _, s := range []string{"a\nb", "b\nc\n", strings.Repeat("x", maxLine+10)} {
		if n, err := tail.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	got := tail.Lines()
	if len(got) != 3 || got[0] != "bb" || got[1] != "c" || len(got[2]) != maxLine {
		t.Errorf("Lines = %.20q", got)
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// remedied is an error that knows the next command to run.
type remedied struct {
	err  error
	next string
}

func (e *remedied) Error() string { return e.err.Error() }
func (e *remedied) Unwrap() error { return e.err }

// stepError says which step failed and where its whole output is.
type stepError struct {
	step string
	log  string
	err  error
}

func (e *stepError) Error() string { return fmt.Sprintf("step %q: %v", e.step, e.err) }
func (e *stepError) Unwrap() error { return e.err }

// commandError is a program that failed, with the end of what it printed.
type commandError struct {
	command string
	tail    string
	err     error
}

func (e *commandError) Error() string { return fmt.Sprintf("%s: %v", e.command, e.err) }
func (e *commandError) Unwrap() error { return e.err }

// reportFailure prints the cause first and the next command last.
func reportFailure(w io.Writer, err error) {
	colour := newPalette(w)
	fmt.Fprintln(w, colour.red("airgap: "+err.Error()))

	if command, ok := errors.AsType[*commandError](err); ok && command.tail != "" {
		for line := range strings.Lines(command.tail) {
			fmt.Fprintln(w, "  |", strings.TrimRight(line, "\n"))
		}
	}
	if step, ok := errors.AsType[*stepError](err); ok && step.log != "" {
		fmt.Fprintln(w, "all output:", step.log)
	}
	next := self + " up   # goes on where it stopped"
	if remedy, ok := errors.AsType[*remedied](err); ok {
		next = remedy.next
	}
	fmt.Fprintln(w, "next:", next)
}

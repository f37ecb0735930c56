package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit codes. docs/cli.md lists them for people.
const (
	exitOK          = 0
	exitMistake     = 1   // something in the user's files or values; a scenario that failed
	exitUsage       = 2   // unknown command, flag or argument
	exitEnvironment = 3   // something this machine or a service lacks
	exitDiffers     = 4   // replay: something would have been otherwise
	exitInterrupted = 130 // Ctrl-C
)

// Codes of the failures that every command shares; the others sit with their command.
const (
	codeInternal    = "ONEX_CLI_001_FAILED"
	codeUsage       = "ONEX_CLI_002_USAGE"
	codeInterrupted = "ONEX_CLI_003_INTERRUPTED"
	codeUnreadable  = "ONEX_CLI_004_UNREADABLE"
	codeUnwritable  = "ONEX_CLI_005_UNWRITABLE"
)

// failure is an error as a person sees it: what happened, its stable code and what to do next.
type failure struct {
	Exit   int
	Code   string // ONEX_<AREA>_<NNN>_<NAME>
	Err    error
	Remedy string // what to do, best a command; "" when Err says it all
}

func (f *failure) Error() string { return f.Code + ": " + f.Err.Error() }
func (f *failure) Unwrap() error { return f.Err }

// mistake reports something in the user's files or values.
func mistake(code string, err error, remedy string) error {
	return &failure{Exit: exitMistake, Code: code, Err: err, Remedy: remedy}
}

// lacking reports something this machine or a service lacks.
func lacking(code string, err error, remedy string) error {
	return &failure{Exit: exitEnvironment, Code: code, Err: err, Remedy: remedy}
}

// usage reports a wrong command line.
func usage(c *cobra.Command, err error) error {
	return &failure{
		Exit: exitUsage, Code: codeUsage, Err: err,
		Remedy: fmt.Sprintf("%s --help", c.CommandPath()),
	}
}

// silent is returned by commands that have already said what is wrong; only the exit code is left.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// report prints err and returns the exit code that stands for it.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	if s, ok := errors.AsType[silent](err); ok {
		return int(s)
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = classify(err)
	}
	fmt.Fprintf(a.stderr, "%s %s: %v\n", a.paint(a.stderr, red, "error:"), f.Code, f.Err)
	if f.Remedy != "" {
		fmt.Fprintf(a.stderr, "next:  %s\n", f.Remedy)
	}
	return f.Exit
}

// classify gives an error without a code one. Cobra reports unknown commands and wrong arguments as
// plain errors.
func classify(err error) *failure {
	text := err.Error()
	for _, prefix := range []string{"unknown command", "accepts ", "requires at least", "required flag"} {
		if strings.HasPrefix(text, prefix) {
			return &failure{Exit: exitUsage, Code: codeUsage, Err: err, Remedy: "omninode --help"}
		}
	}
	return &failure{Exit: exitMistake, Code: codeInternal, Err: err}
}

// A style is an ANSI escape sequence.
type style string

const (
	red     style = "\x1b[31m"
	green   style = "\x1b[32m"
	yellow  style = "\x1b[33m"
	blue    style = "\x1b[34m"
	magenta style = "\x1b[35m"
	cyan    style = "\x1b[36m"
	bold    style = "\x1b[1m"
)

// paint colours text if w is a terminal and NO_COLOR is not set.
func (a *app) paint(w io.Writer, s style, text string) string {
	if !a.colour(w) {
		return text
	}
	return string(s) + text + "\x1b[0m"
}

// colour reports whether w shows colours.
func (a *app) colour(w io.Writer) bool {
	if v, _ := a.env("NO_COLOR"); v != "" {
		return false
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

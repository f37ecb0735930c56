package report

import (
	"fmt"
	"strings"
)

// LogLines is how many lines of a log a failure shows.
const LogLines = 40

// Failure is why a run failed, in the order in which a person needs it: the culprit and the cause on
// the first line, then the end of its log, and last the next command.
type Failure struct {
	Service string // the culprit: vault, consul, kafka, postgres, a node, handler, generate, …
	Step    string // what was being done
	Cause   string
	Log     []string // last lines the culprit wrote
	Next    string   // command
}

func (f *Failure) Error() string {
	var b strings.Builder
	first, rest, _ := strings.Cut(strings.TrimSpace(f.Cause), "\n")
	fmt.Fprintf(&b, "%s: %s (step: %s)\n", f.Service, first, f.Step)
	if rest = strings.TrimSpace(rest); rest != "" {
		b.WriteString(rest + "\n")
	}
	if len(f.Log) > 0 {
		fmt.Fprintf(&b, "last lines of %s:\n", f.Service)
		for _, line := range f.Log {
			b.WriteString("  " + line + "\n")
		}
	}
	if f.Next != "" {
		fmt.Fprintf(&b, "next: %s\n", f.Next)
	}
	return b.String()
}

// Tail returns the last n lines of text, without blank ones at its end.
func Tail(text string, n int) []string {
	text = strings.TrimRight(text, " \t\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):]
}

// Cause finds the line of a command's output that says why it failed: the first that starts with
// "error:", and if there is none the last one.
func Cause(output string) string {
	lines := Tail(output, len(output)+1)
	for _, line := range lines {
		if cause, ok := strings.CutPrefix(strings.TrimSpace(line), "error:"); ok {
			return strings.TrimSpace(cause)
		}
	}
	if len(lines) == 0 {
		return "it wrote nothing"
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

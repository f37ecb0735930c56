package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/pipeline"
	"github.com/omninode-ai/omninode/internal/process"
)

const codeEngine = "ONEX_E2E_005_NO_ENGINE"

// reportOut is where the pipeline's report is exported to.
const reportOut = "out/report"

// realRun is one run of the pipeline as a person sees it.
type realRun struct {
	a       *app
	o       e2eOptions
	console *console.Console
	host    pipeline.Host
	engine  pipeline.Engine
	out     string // folder of the exported report
	tail    *process.Tail
}

// e2eReal calls the pipeline's e-2-e on an engine, exports its report whatever the outcome, and shows
// it.
func (a *app) e2eReal(ctx context.Context, o e2eOptions) error {
	module, err := findModule(a.nodes)
	if err != nil {
		return err
	}
	r := &realRun{a: a, o: o, out: filepath.Join(module.Root, filepath.FromSlash(reportOut)), tail: process.NewTail(0)}
	if err := r.prepare(module.Root); err != nil {
		return mistake(codeUnwritable, err, "")
	}
	log, err := os.Create(filepath.Join(r.out, "dagger.log"))
	if err != nil {
		return mistake(codeUnwritable, err, "")
	}
	defer log.Close()
	r.console = console.New(console.Config{W: a.stdout, Env: a.env})
	defer r.console.Close()
	r.host = pipeline.Host{Root: module.Root, Env: a.env, Progress: r.console, Log: io.MultiWriter(log, r.tail)}
	if err := r.chooseEngine(ctx); err != nil {
		return err
	}
	return r.judge(ctx)
}

// prepare makes the folders and removes the report of an earlier run, so that it cannot be mistaken
// for this one's.
func (r *realRun) prepare(root string) error {
	return errors.Join(
		os.RemoveAll(r.out), os.MkdirAll(r.out, 0o755),
		os.MkdirAll(filepath.Join(root, ".omninode", "bin"), 0o755),
	)
}

func (r *realRun) chooseEngine(ctx context.Context) error {
	step := r.console.Step("find an engine")
	var err error
	r.engine, err = r.host.Choose(ctx)
	if ctx.Err() != nil {
		return context.Canceled
	}
	if step.End(err) != nil {
		return lacking(codeEngine, err, "omninode doctor")
	}
	r.console.Print("engine: %s", r.engine.Why)
	return nil
}

func (r *realRun) judge(ctx context.Context) error {
	args := []string{"e-2-e"}
	if len(r.o.cases) > 0 {
		args = append(args, "--cases="+strings.Join(r.o.cases, ","))
	}
	if r.o.broken != "" {
		args = append(args, "--break="+r.o.broken)
	}
	step := r.console.Step("dagger call " + strings.Join(args, " "))
	r.tail.Watch(func(line string) { r.progress(step, line) })
	text, err := r.host.Call(ctx, r.engine, args...)
	r.tail.Watch(nil)
	step.Drop()
	switch {
	case ctx.Err() != nil:
		return context.Canceled
	case errors.Is(err, pipeline.ErrEngineGone): // its services, caches and the report are gone or out of reach
		return lacking(codeEngine, err, "omninode e2e --on "+onReal)
	}
	step = r.console.Step("export the report")
	_, exported := r.host.Call(ctx, r.engine, "report", "-o", r.out)
	step.Drop()
	return r.conclude(text, err, exported)
}

var (
	escapes    = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
	daggerSpan = regexp.MustCompile(`^\d+\s*:[\s┆]*(\[[0-9.ms]+\] \|)?\s*`)
	stepEnded  = regexp.MustCompile(`^[0-9.]+s  (ok|FAILED) +(.+) \(([0-9.]+s)\)$`)
)

// progress shows the steps of the pipeline as they end, of the much that dagger says.
func (r *realRun) progress(step *console.Step, line string) {
	line = escapes.ReplaceAllString(line, "")
	line = strings.TrimSpace(line[len(daggerSpan.FindString(line)):])
	m := stepEnded.FindStringSubmatch(line)
	if m == nil {
		step.Say(shorten(line))
		return
	}
	r.console.Print("%-6s %s  %s", m[1], m[2], m[3]) // not red: a step that failed is not yet the cause
}

// conclude shows the report. A run passed only if its text and its JUnit both say so: the CLI's exit
// code alone is not trusted.
func (r *realRun) conclude(text string, failed, exported error) error {
	if failed == nil && exported == nil && greenText(text) && r.greenJUnit() {
		r.console.Print("\n%s", strings.TrimSpace(text))
		return nil
	}
	cause := r.read("failure.txt")
	if cause == "" {
		cause = strings.Join(append([]string{"the pipeline ended without a report; last lines of dagger:"}, r.tail.Lines()...), "\n  ")
	}
	cause, next := splitNext(cause, "omninode e2e --on "+onReal)
	table, verdict := split(r.read("report.txt"))
	first, rest, _ := strings.Cut(cause, "\n")
	r.console.Print("\n%s %s", r.console.Paint(console.Red, "FAIL"), r.console.Paint(console.Red, first))
	if rest = strings.TrimSpace(rest); rest != "" {
		r.console.Print("%s", rest)
	}
	if table != "" {
		r.console.Print("\n%s", table)
	}
	r.console.Print("\nreport: %s, everything dagger said: %s\nnext: %s", r.out, filepath.Join(r.out, "dagger.log"), next)
	r.console.Print("%s", r.console.Paint(console.Red, verdict))
	return silent(exitMistake)
}

// splitNext takes the next command out of a failure's text.
func splitNext(failure, otherwise string) (text, next string) {
	next = otherwise
	var kept []string
	for line := range strings.Lines(failure) {
		if command, ok := strings.CutPrefix(line, "next: "); ok {
			next = strings.TrimSpace(command)
			continue
		}
		kept = append(kept, line)
	}
	return strings.TrimSpace(strings.Join(kept, "")), next
}

var verdictLine = regexp.MustCompile(`^(\d+) passed, (\d+) failed`)

// split separates a report's table from the verdict on its last line. A report that is not there, or
// says that nothing failed, counts as one failure: the run did fail.
func split(report string) (table, verdict string) {
	table, last := strings.TrimSpace(report), ""
	if i := strings.LastIndexByte(table, '\n'); i >= 0 {
		table, last = table[:i], table[i+1:]
	}
	m := verdictLine.FindStringSubmatch(last)
	switch {
	case m == nil:
		return strings.TrimSpace(report), "0 passed, 1 failed"
	case m[2] == "0":
		return table, fmt.Sprintf("%s passed, 1 failed", m[1])
	default:
		return table, last
	}
}

func greenText(text string) bool {
	text = strings.TrimSpace(text)
	m := verdictLine.FindStringSubmatch(text[strings.LastIndexByte(text, '\n')+1:])
	return m != nil && m[2] == "0" && m[1] != "0"
}

var redSuite = regexp.MustCompile(`(failures|errors)="[1-9]`)

func (r *realRun) greenJUnit() bool {
	text := r.read("junit.xml")
	return strings.Contains(text, `failures="0"`) && !redSuite.MatchString(text)
}

func (r *realRun) read(name string) string {
	text, err := os.ReadFile(filepath.Join(r.out, name))
	if err != nil {
		return ""
	}
	return string(text)
}

// shorten fits a line of dagger's log beside the elapsed time.
func shorten(line string) string {
	const widest = 60
	runes := []rune(printable(strings.TrimSpace(line)))
	return string(runes[:min(len(runes), widest)])
}

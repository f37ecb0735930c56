package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// heartbeat is how often a line says that a long step is still at work, where
// there is no terminal to redraw.
const heartbeat = 30 * time.Second

// progress reports a run to a person: lines that stay for what happened and, on
// a terminal, one line below them that moves with what is happening.
type progress struct {
	out    io.Writer
	colour palette
	live   bool
	logs   string // folder of the steps' logs
	begin  time.Time
	total  int

	mu      sync.Mutex
	running []activity
	done    int
	made    int
	stop    chan struct{}
	stopped sync.WaitGroup
}

// An activity is a step being made.
type activity struct {
	step  step
	since time.Time
	told  time.Time // of the last heartbeat
}

func newProgress(out io.Writer, logs string, total int) *progress {
	p := &progress{
		out: out, colour: newPalette(out), live: isTerminal(out), logs: logs,
		begin: time.Now(), total: total, stop: make(chan struct{}),
	}
	p.stopped.Go(p.tick)
	return p
}

// close ends the moving line.
func (p *progress) close() {
	close(p.stop)
	p.stopped.Wait()
}

// tick keeps the moving line, or the heartbeat, going.
func (p *progress) tick() {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			p.mu.Lock()
			p.clear()
			p.mu.Unlock()
			return
		case now := <-ticker.C:
			p.mu.Lock()
			if p.live {
				p.redraw(now)
			} else {
				p.beat(now)
			}
			p.mu.Unlock()
		}
	}
}

func (p *progress) started(s step) io.WriteCloser {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.running = append(p.running, activity{step: s, since: now, told: now})
	if !p.live {
		p.line("%s … (expected ~%s)", s.name, short(s.expect))
	}
	log, err := os.Create(p.logPath(s))
	if err != nil {
		return discard{}
	}
	return log
}

func (p *progress) finished(s step, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(s)
	p.done++
	p.made++
	p.line("%s … %s in %s (expected ~%s)", s.name, p.colour.green("done"), short(took), short(s.expect))
}

func (p *progress) inPlace(step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
}

func (p *progress) failed(s step, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(s)
	return &stepError{step: s.name, log: p.logPath(s), err: err}
}

// summary is the last line of a run that went well.
func (p *progress) summary() {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := short(time.Since(p.begin))
	if p.made == 0 {
		p.line("%s: all %d steps in place, checked in %s", p.colour.green("up"), p.total, took)
		return
	}
	p.line("%s: %d of %d steps made in %s, the others were in place", p.colour.green("up"), p.made, p.total, took)
}

// line prints one line that stays. The caller holds the lock.
func (p *progress) line(format string, args ...any) {
	p.clear()
	fmt.Fprintf(p.out, "[%4ds] %s\n", int(time.Since(p.begin).Seconds()), fmt.Sprintf(format, args...))
}

func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.out, "\r\033[K")
	}
}

func (p *progress) redraw(now time.Time) {
	p.clear()
	if len(p.running) == 0 {
		return
	}
	var parts []string
	for _, a := range p.running {
		parts = append(parts, p.colour.yellow(a.step.name)+" "+a.soFar(now))
	}
	fmt.Fprintf(p.out, "[%4ds] %d/%d  %s", int(now.Sub(p.begin).Seconds()), p.done, p.total, strings.Join(parts, " · "))
}

func (p *progress) beat(now time.Time) {
	for i := range p.running {
		if a := &p.running[i]; now.Sub(a.told) >= heartbeat {
			a.told = now
			p.line("%s … at work, %s", a.step.name, a.soFar(now))
		}
	}
}

func (p *progress) forget(s step) {
	p.running = slices.DeleteFunc(p.running, func(a activity) bool { return a.step.name == s.name })
}

func (p *progress) logPath(s step) string {
	return filepath.Join(p.logs, strings.ReplaceAll(s.name, " ", "-")+".log")
}

func (a activity) soFar(now time.Time) string {
	return fmt.Sprintf("%s of ~%s", short(now.Sub(a.since).Truncate(time.Second)), short(a.step.expect))
}

// short prints a duration as a person would say it.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// discard stands in for a log that could not be opened: the run goes on.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// A palette colours text where the output is a terminal.
type palette struct{ on bool }

func newPalette(w io.Writer) palette {
	return palette{on: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

func (p palette) paint(code, text string) string {
	if !p.on {
		return text
	}
	return "\033[" + code + "m" + text + "\033[0m"
}

func (p palette) red(text string) string    { return p.paint("31", text) }
func (p palette) green(text string) string  { return p.paint("32", text) }
func (p palette) yellow(text string) string { return p.paint("33", text) }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Package console shows people what a long command is doing: a line per step when it ends, a live
// line with elapsed times while steps run, and a table at the end. Where the output is no terminal it
// writes plain lines only, and a reminder of what still runs every few seconds. NO_COLOR is honoured.
package console

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	frame    = 100 * time.Millisecond // between two pictures of the live line
	reminder = 5 * time.Second        // between two plain lines about what still runs
)

// Config says what a Console writes to; W is required.
type Config struct {
	W     io.Writer
	Env   func(string) (string, bool) // for NO_COLOR and TERM; nil is os.LookupEnv
	Quiet bool                        // writes only what Print is given

	terminal *bool            // tests decide
	now      func() time.Time // tests decide
}

// Console writes to one output. It is safe for concurrent use.
type Console struct {
	w      io.Writer
	colour bool
	live   bool
	quiet  bool
	width  int
	now    func() time.Time

	mu       sync.Mutex
	running  []*Step
	ended    []*Step
	drawn    bool // the live line is on the screen
	reminded time.Time
	stop     chan struct{}
	done     sync.WaitGroup
}

// New returns a Console. Close ends its live line.
func New(cfg Config) *Console {
	env := cfg.Env
	if env == nil {
		env = os.LookupEnv
	}
	c := &Console{w: cfg.W, quiet: cfg.Quiet, now: cfg.now, stop: make(chan struct{}), width: 80}
	if c.now == nil {
		c.now = time.Now
	}
	c.live = terminal(cfg, &c.width)
	no, _ := env("NO_COLOR")
	kind, _ := env("TERM")
	c.colour = c.live && no == ""
	c.live = c.live && kind != "dumb" && !c.quiet
	c.reminded = c.now()
	c.done.Go(c.tick)
	return c
}

func terminal(cfg Config, width *int) bool {
	if cfg.terminal != nil {
		return *cfg.terminal
	}
	f, ok := cfg.W.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		*width = w
	}
	return true
}

// Close erases the live line and ends it. It may be called more than once.
func (c *Console) Close() {
	c.mu.Lock()
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.mu.Unlock()
	c.done.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
}

func (c *Console) tick() {
	t := time.NewTicker(frame)
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-t.C:
			c.refresh()
		}
	}
}

// refresh redraws the live line, or reminds of what runs.
func (c *Console) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.running) == 0:
	case c.live:
		c.erase()
		c.draw()
	case !c.quiet && c.now().Sub(c.reminded) >= reminder:
		c.reminded = c.now()
		fmt.Fprintln(c.w, "... "+c.status())
	}
}

func (c *Console) erase() {
	if c.drawn {
		fmt.Fprint(c.w, "\r\x1b[K")
		c.drawn = false
	}
}

func (c *Console) draw() {
	if !c.live || len(c.running) == 0 {
		return
	}
	line := []rune("· " + c.status())
	fmt.Fprint(c.w, string(line[:min(len(line), max(c.width-1, 10))]))
	c.drawn = true
}

// status lists the running steps with their elapsed times.
func (c *Console) status() string {
	parts := make([]string, 0, len(c.running))
	for _, s := range c.running {
		part := fmt.Sprintf("%s %s", s.name, Seconds(c.now().Sub(s.began)))
		if s.detail != "" {
			part += " (" + s.detail + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " · ")
}

// Print writes a line above the live one.
func (c *Console) Print(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(fmt.Sprintf(format, args...))
}

func (c *Console) print(line string) {
	c.erase()
	fmt.Fprintln(c.w, line)
	c.draw()
}

// Write implements io.Writer: whole lines of other programs appear above the live line.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	n, err := c.w.Write(p)
	c.draw()
	return n, err
}

// Step is something that takes time.
type Step struct {
	console *Console
	name    string
	detail  string
	began   time.Time
	took    time.Duration
	err     error
}

// Step begins a step.
func (c *Console) Step(name string) *Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Step{console: c, name: name, began: c.now()}
	if len(c.running) == 0 {
		c.reminded = s.began
	}
	c.running = append(c.running, s)
	c.erase()
	c.draw()
	return s
}

// Say tells what the step is doing right now.
func (s *Step) Say(detail string) {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.detail = detail
}

// End ends the step, successfully if err is nil, and returns err. Its first line is shown.
func (s *Step) End(err error) error {
	c := s.console
	c.mu.Lock()
	defer c.mu.Unlock()
	s.leave()
	s.took, s.err = c.now().Sub(s.began), err
	c.ended = append(c.ended, s)
	if c.quiet {
		return err
	}
	line := c.mark(err == nil) + " " + s.name + "  " + Seconds(s.took)
	if err != nil {
		cause, _, _ := strings.Cut(err.Error(), "\n")
		line += "  " + cause
	}
	c.print(line)
	return err
}

// Drop ends the step without a word: what it led to is shown otherwise.
func (s *Step) Drop() {
	s.console.mu.Lock()
	defer s.console.mu.Unlock()
	s.console.erase()
	s.leave()
}

func (s *Step) leave() {
	c := s.console
	c.running = slices.DeleteFunc(c.running, func(o *Step) bool { return o == s })
}

// Row is a line of a table.
type Row struct {
	Name   string
	Took   time.Duration
	Failed bool
	Note   string
}

// Rows returns the steps that have ended, in the order they began.
func (c *Console) Rows() []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	steps := slices.Clone(c.ended)
	slices.SortStableFunc(steps, func(a, b *Step) int { return a.began.Compare(b.began) })
	rows := make([]Row, 0, len(steps))
	for _, s := range steps {
		rows = append(rows, Row{Name: s.name, Took: s.took, Failed: s.err != nil})
	}
	return rows
}

// Table writes rows in columns under a title.
func (c *Console) Table(title string, rows []Row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(r.Name)))
	}
	c.erase()
	fmt.Fprintln(c.w, c.paint(Bold, title))
	for _, r := range rows {
		pad := strings.Repeat(" ", width-len([]rune(r.Name)))
		line := fmt.Sprintf("  %s %s%s  %7s  %s", c.mark(!r.Failed), r.Name, pad, Seconds(r.Took), r.Note)
		fmt.Fprintln(c.w, strings.TrimRight(line, " "))
	}
	c.draw()
}

func (c *Console) mark(ok bool) string {
	if ok {
		return c.paint(Green, "ok  ")
	}
	return c.paint(Red, "FAIL")
}

// Style is a colour or weight.
type Style string

// The styles, as ANSI codes.
const (
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Bold   Style = "1"
	Dim    Style = "2"
)

// Paint returns text in a style, or as it is where there are no colours.
func (c *Console) Paint(s Style, text string) string { return c.paint(s, text) }

func (c *Console) paint(s Style, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Seconds formats a duration for people: 0.01s, 1.2s, 74s.
func Seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 1:
		return fmt.Sprintf("%.2fs", s)
	case s < 20:
		return fmt.Sprintf("%.1fs", s)
	default:
		return fmt.Sprintf("%.0fs", s)
	}
}

package onex

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check asks in the background whether something a handler needs can be used. While it fails the
// node works on, but is not ready.
type Check struct {
	Name    string
	Every   time.Duration
	Timeout time.Duration // of one attempt; shorter than Every
	Run     func(ctx context.Context) error
}

// checkChecks refuses checks that could not run.
func checkChecks(n Node, checks []Check) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range checks {
		if c.Name == "" || c.Run == nil || c.Timeout <= 0 || c.Every <= c.Timeout || seen[c.Name] {
			errs = append(errs, fmt.Errorf("node %s: check %q needs a name of its own, a function and a timeout below its interval", n.Name, c.Name))
		}
		seen[c.Name] = true
	}
	return errors.Join(errs...)
}

func (c Check) part() string { return "check " + c.Name }

// watchCheck runs a check until ctx ends.
func (m *member) watchCheck(ctx context.Context, c Check) {
	p := &prober{Check: c}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		err := p.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		m.checked(ctx, c, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// checked makes the node ready or not by the outcome of a check.
func (m *member) checked(ctx context.Context, c Check, err error) {
	m.observer.checked(c.Name, err == nil)
	switch {
	case err == nil && m.ready.set(m.node.Name, c.part(), ""):
		m.log.InfoContext(ctx, "check passes", "check", c.Name)
	case err != nil && m.ready.set(m.node.Name, c.part(), err.Error()):
		m.log.WarnContext(ctx, "check fails", "check", c.Name, "err", err)
	}
}

// prober runs one check, never twice at a time: an attempt that heeds no timeout is not joined by
// others.
type prober struct {
	Check

	pending chan error // of an attempt that has not come back; nil: none
	since   time.Time
}

func (p *prober) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	if p.pending == nil {
		p.pending, p.since = make(chan error, 1), time.Now()
		go func(done chan<- error) { done <- p.attempt(ctx) }(p.pending)
	}
	select {
	case err := <-p.pending:
		p.pending = nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer for %s", time.Since(p.since).Round(time.Millisecond))
	}
}

// attempt calls the check; code that panics must not end the node.
func (p *prober) attempt(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("check panicked: %v; is it built in wire.go?", r)
		}
	}()
	return p.Run(ctx)
}

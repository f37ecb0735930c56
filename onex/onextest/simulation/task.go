package simulation

import (
	"context"
	"iter"
	"time"
)

// task is a piece of work of a process that stops before everything it does to the outside of it. It is
// a coroutine: what it says it is about to do happens when it is told to go on.
type task struct {
	name    string
	process *process
	about   string    // what it is about to do
	wake    time.Time // it waits until then
	onWire  func()    // what happens although the process dies now: a commit that was sent
	end     func(err error)

	next  func() (string, bool)
	stop  func()
	yield func(string) bool
	err   error
	over  bool
}

func newTask(p *process, name string, work func(ctx context.Context) error, end func(err error)) *task {
	t := &task{name: name, process: p, end: end}
	t.next, t.stop = iter.Pull(func(yield func(string) bool) {
		t.yield = yield
		t.err = work(p.ctx)
	})
	return t
}

// resume lets the task go on until it is about to do the next thing, or ends.
func (t *task) resume() {
	about, more := t.next()
	t.about, t.over = about, !more
}

// kill ends the task where it stands: nothing that it does from here on leaves the process.
func (t *task) kill() { t.stop() }

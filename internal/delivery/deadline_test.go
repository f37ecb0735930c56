package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadline: to those who wait, and to those who only ask, it is what context.WithTimeout gives.
func TestDeadline(t *testing.T) {
	t.Parallel()
	type own struct{}
	for name, tc := range map[string]struct {
		do   func(stop context.CancelFunc, ds ...*deadline)
		want error
	}{
		"at work":           {func(context.CancelFunc, ...*deadline) { time.Sleep(time.Second - 1) }, nil},
		"timed out":         {func(context.CancelFunc, ...*deadline) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"parent stopped":    {func(stop context.CancelFunc, _ ...*deadline) { stop() }, context.Canceled},
		"ended":             {func(_ context.CancelFunc, ds ...*deadline) { endAll(ds) }, context.Canceled},
		"ended, then timed": {func(_ context.CancelFunc, ds ...*deadline) { endAll(ds); time.Sleep(time.Minute) }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				parent, stop := context.WithCancel(context.WithValue(t.Context(), own{}, "value"))
				defer stop()
				asked, waited := withTimeout(parent, time.Second), withTimeout(parent, time.Second)
				defer waited.end()
				child, cancel := context.WithCancel(waited)
				defer cancel()
				tc.do(stop, asked, waited)
				synctest.Wait()
				for who, ctx := range map[string]context.Context{"asked": asked, "waited": waited, "child": child} {
					if got := ctx.Err(); !errors.Is(got, tc.want) {
						t.Errorf("%s: error %v, want %v", who, got, tc.want)
					}
					if (ctx.Err() != nil) != closed(ctx.Done()) {
						t.Errorf("%s: error %v, but done says otherwise", who, ctx.Err())
					}
					if ctx.Value(own{}) != "value" {
						t.Errorf("%s: the parent's value is lost", who)
					}
				}
			})
		})
	}
}

func endAll(ds []*deadline) {
	for _, d := range ds {
		d.end()
	}
}

func TestDeadlineOfTheParentCounts(t *testing.T) {
	t.Parallel()
	parent, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	want, _ := parent.Deadline()
	if got, ok := withTimeout(parent, time.Hour).Deadline(); !ok || !got.Equal(want) {
		t.Errorf("deadline %v, want the parent's %v", got, want)
	}
	if got, ok := withTimeout(parent, time.Second).Deadline(); !ok || !got.Before(want) {
		t.Errorf("deadline %v, want one before the parent's %v", got, want)
	}
}

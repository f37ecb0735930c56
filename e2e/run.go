package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Result is how a scenario ended.
type Result struct {
	Name  string        `json:"name"`
	Doc   string        `json:"doc"`
	Phase Phase         `json:"phase"`
	Took  time.Duration `json:"took_ns"`
	Error string        `json:"error,omitempty"` // first line: the cause; "" if it passed
}

// Passed reports whether the scenario passed.
func (r Result) Passed() bool { return r.Error == "" }

// Run runs the scenarios at the same time and returns their results in order; done, if not nil, is
// told of each as it ends. One that fails does not stop the others.
func Run(ctx context.Context, s *Stack, scenarios []Scenario, done func(Result)) []Result {
	results := make([]Result, len(scenarios))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, sc := range scenarios {
		wg.Go(func() {
			r := runOne(ctx, s, sc)
			mu.Lock()
			defer mu.Unlock()
			results[i] = r
			if done != nil {
				done(r)
			}
		})
	}
	wg.Wait()
	return results
}

func runOne(ctx context.Context, s *Stack, sc Scenario) (r Result) {
	r = Result{Name: sc.Name, Doc: sc.Doc, Phase: sc.Phase}
	begin := time.Now()
	defer func() {
		r.Took = time.Since(begin)
		if p := recover(); p != nil { // a scenario's bug must not hide the other results
			r.Error = fmt.Sprintf("the scenario panicked: %v", p)
		}
	}()
	if err := sc.Run(ctx, s); err != nil {
		r.Error = err.Error()
	}
	return r
}

// Verdict returns the last line of a report: "N passed, N failed".
func Verdict(results []Result) string {
	failed := 0
	for _, r := range results {
		if !r.Passed() {
			failed++
		}
	}
	return fmt.Sprintf("%d passed, %d failed", len(results)-failed, failed)
}

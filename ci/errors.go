package main

import (
	"errors"
	"strings"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
	"github.com/omninode-ai/omninode/ci/report"
)

// explain makes a plain failure out of an error of Dagger's API: an error that wraps one is shown
// without our words around it.
func explain(step, service string, err error) *report.Failure {
	var f *report.Failure
	if errors.As(err, &f) {
		return f
	}
	out := &report.Failure{Service: service, Step: step, Cause: err.Error(), Next: "dagger call -i … opens a shell where it failed"}
	var exec *dagger.ExecError
	if errors.As(err, &exec) {
		output := strings.TrimSpace(exec.Stdout + "\n" + exec.Stderr)
		out.Cause = report.Cause(output)
		out.Log = report.Tail(output, report.LogLines)
	}
	return out
}

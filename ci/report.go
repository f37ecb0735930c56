package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
	"github.com/omninode-ai/omninode/ci/report"
)

const reportDir = "/report"

// lastReport is the volume that holds the files of the last run.
func lastReport() *dagger.CacheVolume { return dag.CacheVolume("omninode-report") }

// Return the files of the last e-2-e on this engine, passed or failed.
//
// They are report.txt, junit.xml, timings.json, images.json, logs/ and, after a failure, failure.txt.
func (m *Omninode) Report(ctx context.Context) (*dagger.Directory, error) {
	out := m.from(golangImage).
		WithMountedCache(reportDir, lastReport()).
		WithEnvVariable("ASKED_AT", time.Now().String()).
		WithExec([]string{"cp", "-r", reportDir, "/out"}).
		Directory("/out")
	entries, err := out.Entries(ctx)
	if err != nil {
		return nil, explain("read the last report", "report", err)
	}
	if len(entries) == 0 {
		return nil, &report.Failure{
			Service: "report", Step: "read the last report",
			Cause: "nothing has run on this engine yet", Next: "dagger call e-2-e",
		}
	}
	return out, nil
}

// conclude keeps the report for whoever asks for it and turns the run into a verdict.
func (r *run) conclude(ctx context.Context) (string, error) {
	r.report.Took = time.Since(r.start)
	text := r.report.Text()
	err := r.keep(ctx, text)
	if r.failure == nil && err == nil {
		return text, nil
	}
	if r.failure == nil {
		r.failure = explain("keep the report", "report", err)
	}
	next := "dagger call report -o out/report"
	r.failure.Next = ""
	return "", errors.New(r.failure.Error() + "\n" + text + "next: " + next)
}

// keep puts the report and the logs of the run on the report volume.
func (r *run) keep(ctx context.Context, text string) error {
	junit, err := r.report.JUnit()
	if err != nil {
		return err
	}
	timings, err := json.MarshalIndent(r.report.Timings(), "", "  ")
	if err != nil {
		return err
	}
	files := dag.Directory().
		WithNewFile("report.txt", text).
		WithNewFile("junit.xml", junit).
		WithNewFile("timings.json", string(timings)+"\n")
	if r.images != nil {
		files = files.WithFile("images.json", r.images.File("images.json"))
	}
	if r.failure != nil {
		files = files.WithNewFile("failure.txt", r.failure.Error())
	}
	script := `rm -rf "$0"/* && cp -r /files/. "$0" && mkdir -p "$0/logs" && cp -r "$1"/. "$0/logs"`
	_, err = r.m.from(golangImage).
		WithMountedDirectory("/files", files).
		WithMountedCache(logsDir, logs()).
		WithMountedCache(reportDir, lastReport()).
		WithEnvVariable("OMNINODE_EXEC", r.id).
		WithExec([]string{"sh", "-c", script, reportDir, logsDir + "/" + r.id}).
		Sync(ctx)
	return err
}

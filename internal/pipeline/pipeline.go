// Package pipeline is the front door of the Dagger module in ci/: it finds an engine to run it on, or
// has ci/airgap make one where no container registry can be reached, says which and why, and calls
// the module. The module itself knows nothing about it.
package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/omninode-ai/omninode/internal/process"
)

// AirgapCommand is how a person runs the program that stands in for a container registry.
const AirgapCommand = "go run -C ci/airgap ."

const (
	runnerHost   = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
	airgapEngine = "docker-container://omninode-engine"
	pingTimeout  = 4 * time.Second
	stopGrace    = 20 * time.Second
)

// Host is the machine the pipeline is called from.
type Host struct {
	Root     string // of the repository: the folder of dagger.json
	Env      func(string) (string, bool)
	Progress io.Writer // of ci/airgap, which may take minutes
	Log      io.Writer // everything the CLI says, which is much
}

// Engine is where the module runs.
type Engine struct {
	Why  string   // which it is and why, for people
	Env  []string // added to the environment of the CLI
	Lock string   // file with the digests of the engine's mirror; "" uses the repository's
}

// Choose finds an engine. Where ci/airgap has to make it, its progress is shown.
func (h Host) Choose(ctx context.Context) (Engine, error) {
	if _, err := os.Stat(filepath.Join(h.Root, "dagger.json")); err != nil {
		return Engine{}, fmt.Errorf("find the pipeline: %w; it is part of the omninode repository", err)
	}
	given, _ := h.Env(runnerHost)
	_, noCLI := exec.LookPath("dagger")
	if given != "" && given != airgapEngine && noCLI == nil {
		return Engine{Why: "the engine that " + runnerHost + " names"}, nil
	}
	why := "ci/airgap made this engine"
	if given == "" {
		problem := h.unreachable(ctx, noCLI)
		if problem == nil {
			return Engine{Why: "Dagger's own engine: a container registry answers"}, nil
		}
		why = "an engine made by ci/airgap: " + problem.Error()
	}
	return h.airgap(ctx, why)
}

// unreachable says why Dagger could not bring its own engine; nil if it can.
func (h Host) unreachable(ctx context.Context, noCLI error) error {
	if noCLI != nil {
		return errors.New("there is no dagger in PATH")
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := exec.CommandContext(ctx, "docker", "version").Run(); err != nil {
		return errors.New("no Docker daemon answers")
	}
	if err := PingRegistry(ctx); err != nil {
		return errors.New("no container registry answers")
	}
	return nil
}

// PingRegistry asks the default container registry whether it is there; that it wants a login is an
// answer.
func PingRegistry(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name.DefaultRegistry+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s answers %s", name.DefaultRegistry, resp.Status)
	}
	return nil
}

// airgap makes what is missing and asks for the environment and the lock of the engine. The program
// is built first, so that a signal reaches it and not the go command.
func (h Host) airgap(ctx context.Context, why string) (Engine, error) {
	e := Engine{Why: why}
	program := filepath.Join(h.Root, ".omninode", "bin", "airgap")
	source := filepath.Join(h.Root, "ci", "airgap")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		return e, fmt.Errorf("build ci/airgap: %w\n%s", err, out)
	}
	up := interruptible(ctx, program, "up")
	up.Dir, up.Stdout, up.Stderr = source, h.Progress, h.Progress
	if err := runTied(up); err != nil {
		return e, errors.Join(ctx.Err(), fmt.Errorf("%s up: %w; it can be run again at any time and continues", AirgapCommand, err))
	}
	if err := e.adopt(ctx, program, source, filepath.Join(h.Root, ".omninode", "images.lock")); err != nil {
		return e, err
	}
	return e, nil
}

// adopt asks the program for the engine's environment and the digests of its mirror.
func (e *Engine) adopt(ctx context.Context, program, source, lock string) error {
	ask := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = source
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", AirgapCommand, strings.Join(args, " "), err)
		}
		return out, nil
	}
	text, err := ask("env", "--json")
	if err != nil {
		return err
	}
	if e.Env, err = environment(text); err != nil {
		return err
	}
	digests, err := ask("lock")
	if err != nil {
		return err
	}
	e.Lock = lock
	return os.WriteFile(lock, digests, 0o644)
}

// environment turns the JSON object of names and values into NAME=value, sorted.
func environment(text []byte) ([]string, error) {
	var object map[string]string
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("read the environment of the engine: %w", err)
	}
	list := make([]string, 0, len(object))
	for k, v := range object {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list, nil
}

// Call runs a function of the module on the engine and returns what it gives back. It ends with
// ErrEngineGone when the engine does.
func (h Host) Call(ctx context.Context, e Engine, args ...string) (string, error) {
	env := append(os.Environ(), e.Env...)
	cli, err := lookIn(env, "dagger")
	if err != nil {
		return "", err
	}
	all := []string{"--progress=plain", "call"}
	if e.Lock != "" {
		all = append(all, "--lock="+e.Lock)
	}
	ctx, stop := watched(ctx, env)
	defer stop()
	var returned strings.Builder
	cmd := interruptible(ctx, cli, append(all, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.Root, env, &returned, h.Log
	err = runTied(cmd)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return returned.String(), err
}

// interruptible is a command that is asked to stop as a person would: it cleans up after itself.
func interruptible(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error {
		if errors.Is(context.Cause(ctx), ErrEngineGone) {
			return cmd.Process.Kill() // it would wait for the engine, and there is nothing left to clean up
		}
		return cmd.Process.Signal(syscall.SIGINT)
	}
	cmd.WaitDelay = stopGrace
	return cmd
}

// runTied runs a command that is asked to stop when this process is killed.
func runTied(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process.Tie(cmd, syscall.SIGTERM)
	return cmd.Run()
}

// lookIn finds a program in the PATH that env sets last.
func lookIn(env []string, program string) (string, error) {
	path := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return file, nil
		}
	}
	return "", fmt.Errorf("find %s in PATH: %w", program, exec.ErrNotFound)
}

// FindDagger says which Dagger the pipeline would use, without making anything.
func FindDagger(ctx context.Context, root string, env func(string) (string, bool)) (string, error) {
	if path, err := exec.LookPath("dagger"); err == nil {
		if host, _ := env(runnerHost); host != "" {
			return path + " with the engine " + host, nil
		}
		return path, nil
	}
	if _, err := os.Stat(filepath.Join(root, "ci", "airgap")); err != nil {
		return "", errors.New("no dagger in PATH")
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	_, container, _ := strings.Cut(airgapEngine, "://")
	out, err := exec.CommandContext(ctx, "docker", "container", "inspect", "--format", "{{.State.Running}}", container).Output()
	if err != nil || strings.TrimSpace(string(out)) != "true" {
		return "", errors.New("no dagger in PATH, and the engine of ci/airgap does not run")
	}
	return "the engine of ci/airgap runs", nil
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ErrEngineGone says that the engine ended while a call was under way. The CLI of Dagger would wait
// for it without end.
var ErrEngineGone = errors.New("the engine ended during the call")

const watchInterval = 2 * time.Second

// watched returns a context that ends with ErrEngineGone as its cause when the engine's container
// stops or is started anew. An engine that is no container of this machine is not watched.
func watched(ctx context.Context, env []string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := func() { cancel(nil) }
	container := ""
	for _, kv := range env {
		if name, ok := strings.CutPrefix(kv, runnerHost+"=docker-container://"); ok {
			container = name
		}
	}
	if container == "" {
		return ctx, stop
	}
	born, err := startedAt(ctx, container)
	if err != nil {
		return ctx, stop
	}
	go func() { // ends with ctx
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if now, err := startedAt(ctx, container); ctx.Err() == nil && (err != nil || now != born) {
				cancel(fmt.Errorf("%w: container %s was stopped or replaced", ErrEngineGone, container))
				return
			}
		}
	}()
	return ctx, stop
}

// startedAt returns when a container that runs was started.
func startedAt(ctx context.Context, container string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "container", "inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", container).Output()
	if err != nil {
		return "", fmt.Errorf("inspect container %s: %w", container, err)
	}
	running, at, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if running != "true" {
		return "", fmt.Errorf("container %s does not run", container)
	}
	return at, nil
}

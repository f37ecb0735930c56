package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// engineName is the engine's container and the volume with its state.
const engineName = "omninode-engine"

// sdkContent is the step that lays the Go SDK's image out as the folder from
// which the engine loads it.
func (s *site) sdkContent() step {
	key := s.keys.images["sdk"]
	st := step{
		name: "sdk content", lane: assembling, needs: []string{"image sdk"},
		expect: 5 * time.Second, disk: gib / 2,
	}
	return s.cached(st, "sdk", key, func(ctx context.Context, dir string, log io.Writer) error {
		_, err := s.exec(ctx, command{name: "skopeo", log: log, args: []string{
			"copy", "--dest-oci-accept-uncompressed-layers",
			"docker-daemon:" + localTag("sdk", key), "oci:" + dir + ":go-sdk",
		}})
		return err
	})
}

// sdkDigest reads the digest of the SDK's manifest from the folder's index.
func (s *site) sdkDigest() (string, error) {
	path := filepath.Join(s.cache.path("sdk", s.keys.images["sdk"]), "index.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the index of the SDK image: %w", err)
	}
	var index struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(content, &index); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("%s lists %d manifests, not one", path, len(index.Manifests))
	}
	return index.Manifests[0].Digest, nil
}

// engine is the step that has the engine and its mirror run, and puts the CLI
// where env points.
func (s *site) engine() step {
	return step{
		name: "engine", lane: assembling, needs: []string{"image engine", "sdk content"},
		key: s.keys.engine, expect: 3 * time.Second, disk: 2 * gib, size: unsized,
		ready: func(ctx context.Context) bool { return s.engineState(ctx) == running && s.cliLinked() },
		make: func(ctx context.Context, log io.Writer) error {
			if err := s.linkCLI(); err != nil {
				return err
			}
			return s.startEngine(ctx, log)
		},
	}
}

// engineState is what became of the engine's container.
type engineState int

const (
	absent  engineState = iota // or of another version, or broken
	stopped                    // of this version
	running                    // of this version, and engine and mirror answer
)

func (s *site) engineState(ctx context.Context) engineState {
	const format = `{{index .Config.Labels "` + keyLabel + `"}} {{.State.Running}}`
	out, err := s.docker.quiet(ctx, "container", "inspect", "--format", format, engineName)
	switch {
	case err != nil:
		return absent
	case out == s.keys.engine+" false":
		return stopped
	case out == s.keys.engine+" true" && s.engineAnswers(ctx):
		return running
	}
	return absent
}

// engineAnswers looks for the engine's socket and asks the mirror. A container
// that only looks running, because dockerd was killed, fails both.
func (s *site) engineAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := s.docker.quiet(ctx, "exec", engineName, "test", "-S", "/run/dagger/engine.sock"); err != nil {
		return false
	}
	m, err := s.mirror(ctx)
	return err == nil && m.answers(ctx)
}

// startEngine starts the stopped container of this version, else makes a new
// one; the state is in the volume. Waits until engine and mirror answer.
func (s *site) startEngine(ctx context.Context, log io.Writer) error {
	if s.engineState(ctx) != stopped || s.docker.logged(ctx, log, "start", engineName) != nil {
		if err := s.docker.removeContainer(ctx, log, engineName); err != nil {
			return err
		}
		digest, err := s.sdkDigest()
		if err != nil {
			return err
		}
		content := s.cache.path("sdk", s.keys.images["sdk"])
		args := append(s.engineArgs(content, digest), localTag("engine", s.keys.images["engine"]))
		if err := s.docker.logged(ctx, log, args...); err != nil {
			return err
		}
	}
	for range 300 {
		if s.engineAnswers(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	logs, _ := s.docker.quiet(ctx, "logs", "--tail", "20", engineName)
	err := fmt.Errorf("engine and mirror do not answer after 30 s; the engine's last words:\n%s", logs)
	return &remedied{err: err, next: "docker logs " + engineName}
}

// engineArgs are docker's arguments for the engine's container, up to the
// image. CAP_SYS_RESOURCE is left out because machines without it refuse
// --privileged; the engine does not miss it.
func (s *site) engineArgs(content, sdkDigest string) []string {
	return []string{
		"run", "--detach", "--name", engineName, "--label", keyLabel + "=" + s.keys.engine,
		"--stop-timeout", "30",
		"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--volume", engineName + ":/var/lib/dagger",
		"--volume", filepath.Join(s.cache.root, "mirror") + ":/var/lib/registry",
		"--volume", content + ":/usr/local/share/dagger/content:ro",
		"--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
		"--env", "DAGGER_GO_SDK_MANIFEST_DIGEST=" + sdkDigest,
	}
}

// binDir holds a link to the CLI of the present version and nothing else, so
// that a PATH once set stays right.
func (s *site) binDir() string { return filepath.Join(s.cache.root, "bin") }

func (s *site) cliTarget() string {
	return filepath.Join(s.cache.path("dagger", s.keys.dagger), "dagger")
}

func (s *site) cliLinked() bool {
	target, err := os.Readlink(filepath.Join(s.binDir(), "dagger"))
	return err == nil && target == s.cliTarget()
}

func (s *site) linkCLI() error {
	if err := os.MkdirAll(s.binDir(), 0o755); err != nil {
		return fmt.Errorf("make the folder of the CLI: %w", err)
	}
	link := filepath.Join(s.binDir(), "dagger")
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the link to the CLI: %w", err)
	}
	if err := os.Symlink(s.cliTarget(), link); err != nil {
		return fmt.Errorf("link the CLI: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newTestSite is a site with an empty cache whose commands go to exec.
func newTestSite(t *testing.T, exec runner) *site {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(bundle, []byte("certificates"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &site{
		cache: cache{root: t.TempDir()}, exec: exec, docker: docker{exec: exec}, source: ".",
		golang: toolchain{root: "/usr/local/go", version: "go1.26.8"}, caBundle: bundle,
	}
	keys, err := s.computeKeys()
	if err != nil {
		t.Fatal(err)
	}
	s.keys = keys
	return s
}

// answering is a runner that finds its answer by the start of the command.
func answering(answers map[string]string) runner {
	return func(_ context.Context, c command) (string, error) {
		for prefix, answer := range answers {
			if strings.HasPrefix(c.String(), prefix) {
				return answer, nil
			}
		}
		return "", &commandError{command: c.String(), err: os.ErrNotExist}
	}
}

func TestPlanIsInOrder(t *testing.T) {
	t.Parallel()
	s := newTestSite(t, answering(nil))
	if err := s.plan().validate(); err != nil {
		t.Fatal(err)
	}
	for _, st := range s.plan() {
		if st.ready == nil || st.make == nil || st.size == nil || st.expect == 0 {
			t.Errorf("step %q lacks a function or an expected time", st.name)
		}
	}
}

func TestKeysFollowTheirInputs(t *testing.T) {
	t.Parallel()
	s := newTestSite(t, answering(nil))
	before := s.keys

	if err := os.WriteFile(s.caBundle, []byte("others"), 0o644); err != nil {
		t.Fatal(err)
	}
	after, err := s.computeKeys()
	if err != nil {
		t.Fatal(err)
	}
	if after.dagger != before.dagger || after.rootfs != before.rootfs {
		t.Error("the certificates must not change what is compiled or downloaded")
	}
	for name, key := range before.images {
		if after.images[name] == key {
			t.Errorf("image %s holds the certificates, but its key ignores them", name)
		}
	}
	if after.engine == before.engine {
		t.Error("the engine's key ignores its image")
	}
}

func TestEngineState(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inspect string
		want    engineState
	}{
		"no container":            {"", absent},
		"another version":         {"0123456789ab true", absent},
		"stopped":                 {"KEY false", stopped},
		"looks running, is not":   {"KEY true", absent},
		"stopped, other version":  {"0123456789ab false", absent},
		"unlabelled, by a person": {" true", absent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *site
			s = newTestSite(t, func(_ context.Context, c command) (string, error) {
				if tc.inspect == "" || !strings.HasPrefix(c.String(), "docker container inspect") {
					return "", os.ErrNotExist
				}
				return strings.Replace(tc.inspect, "KEY", s.keys.engine, 1) + "\n", nil
			})
			if got := s.engineState(t.Context()); got != tc.want {
				t.Errorf("engineState() = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestPulledImagesKeepTheirName(t *testing.T) {
	t.Parallel()
	img := image{name: "postgres", refs: []reference{"postgres:17.5"}}
	for name, tc := range map[string]struct {
		label, id string // of the image that has the official name
		want      bool
	}{
		"ours":              {"abc", "sha256:1", true},
		"ours, old version": {"abc", "sha256:2", false},
		"pulled":            {"", "sha256:3", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestSite(t, answering(map[string]string{
				"docker image inspect --format {{.Id}}":  tc.id,
				"docker image inspect --format {{index ": tc.label,
			}))
			if got := s.namedOnHost(t.Context(), img, "sha256:1"); got != tc.want {
				t.Errorf("namedOnHost() = %v, want %v", got, tc.want)
			}
		})
	}
}

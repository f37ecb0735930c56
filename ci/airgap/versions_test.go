package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestMirrorPath(t *testing.T) {
	t.Parallel()
	for ref, want := range map[reference][2]string{
		"postgres:17.5":          {"library/postgres", "17.5"},
		"apache/kafka:4.1.1":     {"apache/kafka", "4.1.1"},
		"golang:1.26-bookworm":   {"library/golang", "1.26-bookworm"},
		"hashicorp/vault:1.21.0": {"hashicorp/vault", "1.21.0"},
	} {
		if repository, tag := ref.mirrorPath(); repository != want[0] || tag != want[1] {
			t.Errorf("%s: %s %s, want %v", ref, repository, tag, want)
		}
	}
}

func TestGolangReferences(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]reference{
		"go1.26.8": {"golang:1.26.8-bookworm", "golang:1.26-bookworm"},
		"go1.27":   {"golang:1.27-bookworm"},
	} {
		if got := golangReferences(version); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", version, got, want)
		}
	}
}

// The modules under build/ pin by necessity what versions.go names.
func TestBuildModulesAgree(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{
		"dagger": daggerBuild().module + " " + daggerVersion,
		"vault":  vaultBuild().module + " v" + vaultVersion,
		"consul": consulBuild().module + " v" + consulVersion,
	} {
		content, err := os.ReadFile("build/" + dir + "/go.mod")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want+"\n") {
			t.Errorf("build/%s/go.mod does not require %s", dir, want)
		}
	}
}

func TestToolchainIsNewEnough(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "\ngo 1.26\n") {
		t.Error("go.mod must ask for go 1.26: the image golang:1.26-bookworm is made of this toolchain")
	}
}

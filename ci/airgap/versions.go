package main

import (
	"fmt"
	"strings"
)

// What is served, and under which names: the single place for versions, apart
// from the go.mod files under build/, which versions_test.go holds against it.
const (
	daggerVersion = "v0.19.2"
	vaultVersion  = "1.21.0"
	consulVersion = "1.21.0"
	kafkaVersion  = "4.1.1"
	log4jVersion  = "2.24.3" // what Kafka's own distribution of that version ships

	postgresVersion  = "17.5"
	postgresBinaries = "17.5.0" // the same, as Maven numbers it

	debianRelease   = "bookworm"
	mavenCopyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
)

// A reference is an image's official name, as the pipeline writes it.
type reference string

// mirrorPath is the repository and tag under which a registry for docker.io
// finds the reference: names without an owner belong to library.
func (r reference) mirrorPath() (repository, tag string) {
	repository, tag, _ = strings.Cut(string(r), ":")
	if !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	return repository, tag
}

// golangReferences are the names of the build image for a toolchain such as
// go1.26.8: the minor version and the exact one.
func golangReferences(goVersion string) []reference {
	exact := strings.TrimPrefix(goVersion, "go")
	refs := []reference{reference(fmt.Sprintf("golang:%s-%s", exact, debianRelease))}
	if parts := strings.Split(exact, "."); len(parts) == 3 {
		minor := strings.Join(parts[:2], ".")
		refs = append(refs, reference(fmt.Sprintf("golang:%s-%s", minor, debianRelease)))
	}
	return refs
}

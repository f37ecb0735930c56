package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

//go:embed images
var imageFiles embed.FS

//go:embed build/maven/pom.xml
var pom []byte

// A site is this machine, as far as airgap works on it.
type site struct {
	cache    cache
	exec     runner
	docker   docker
	source   string    // the folder of this program, which holds build/
	keys     keys      // of everything that is made
	golang   toolchain // what the Go images contain and the programs are built by
	caBundle string    // file with the certificates this machine trusts
}

// A toolchain is an installed Go.
type toolchain struct {
	root    string
	version string // as in go1.26.8
}

// keys are the hashes that name the versions of what is made.
type keys struct {
	dagger, vault, consul  string // compiled programs
	rootfs, jars, postgres string // downloads
	modules                string // of Go, fetched early
	images                 map[string]string
	engine                 string // container
}

func newSite(ctx context.Context) (*site, error) {
	c, err := openCache()
	if err != nil {
		return nil, err
	}
	source, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the current folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(source, "build", "dagger", "go.mod")); err != nil {
		err := errors.New("the folder build/dagger is not here: airgap runs in its own source folder")
		return nil, &remedied{err: err, next: self + " help   # in the repository's root"}
	}
	s := &site{cache: c, exec: execute, docker: docker{exec: execute}, source: source}
	if s.golang, err = findToolchain(ctx, s.exec); err != nil {
		return nil, err
	}
	if s.caBundle, err = findCABundle(); err != nil {
		return nil, err
	}
	s.keys, err = s.computeKeys()
	return s, err
}

func findToolchain(ctx context.Context, exec runner) (toolchain, error) {
	out, err := exec(ctx, command{name: "go", args: []string{"env", "GOROOT", "GOVERSION"}})
	if err != nil {
		return toolchain{}, fmt.Errorf("ask go for its version: %w", err)
	}
	fields := strings.Fields(out)
	if len(fields) != 2 {
		return toolchain{}, fmt.Errorf("go env GOROOT GOVERSION printed %q, not two words", out)
	}
	return toolchain{root: fields[0], version: fields[1]}, nil
}

// findCABundle is the file of trusted certificates: what SSL_CERT_FILE says,
// else Debian's.
func findCABundle() (string, error) {
	path := os.Getenv("SSL_CERT_FILE")
	if path == "" {
		path = "/etc/ssl/certs/ca-certificates.crt"
	}
	if _, err := os.Stat(path); err != nil {
		err := fmt.Errorf("find the trusted certificates: %w", err)
		return "", &remedied{err: err, next: "apt-get install ca-certificates   # or set SSL_CERT_FILE"}
	}
	return path, nil
}

// computeKeys hashes what goes into each thing, from the ground up: a change
// changes the keys of all that is built on it.
func (s *site) computeKeys() (keys, error) {
	k := keys{images: map[string]string{}}
	for _, program := range []struct {
		build goBuild
		key   *string
	}{{daggerBuild(), &k.dagger}, {vaultBuild(), &k.vault}, {consulBuild(), &k.consul}} {
		tree, err := treeKey(os.DirFS(s.source), "build/"+program.build.name)
		if err != nil {
			return k, err
		}
		*program.key = keyOf(tree, s.golang.version, fmt.Sprintf("%+v", program.build))
	}
	k.rootfs = keyOf(debianRelease, rootfsPackages)
	k.jars = keyOf(kafkaVersion, log4jVersion, string(pom))
	k.postgres = keyOf(postgresBinaries, string(pom))
	k.modules = keyOf(k.vault, k.consul)

	certificates, err := os.ReadFile(s.caBundle)
	if err != nil {
		return k, fmt.Errorf("read the trusted certificates: %w", err)
	}
	inputs := map[string]string{
		"base": k.rootfs + string(certificates), "golang": s.golang.version,
		"engine": k.dagger, "sdk": k.dagger, "vault": k.vault, "consul": k.consul,
		"kafka": k.jars, "postgres": k.postgres,
	}
	for _, img := range s.images() {
		tree, err := treeKey(imageFiles, "images/"+img.name)
		if err != nil {
			return k, err
		}
		k.images[img.name] = keyOf(tree, inputs[img.name], k.images[img.base], fmt.Sprint(img.refs))
	}
	k.engine = keyOf(k.images["engine"], k.images["sdk"], strings.Join(s.engineArgs("", ""), " "))
	return k, nil
}

// up makes what is missing.
func (s *site) up(ctx context.Context, out io.Writer) error {
	release, err := s.cache.lock(ctx, out)
	if err != nil {
		return err
	}
	defer release()
	plan := s.plan()
	if err := s.checkMachine(ctx, plan); err != nil {
		return err
	}
	logs := filepath.Join(s.cache.root, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("make the folder of logs: %w", err)
	}
	rep := newProgress(out, logs, len(plan))
	err = plan.run(ctx, rep)
	rep.close()
	if err != nil {
		return err
	}
	if rep.made > 0 {
		// Housekeeping: what is still in use goes another time.
		if err := s.prune(ctx); err != nil {
			fmt.Fprintln(out, "an old version stays for now:", err)
		}
	}
	rep.summary()
	return nil
}

// prune removes what earlier versions left, once the present one is complete.
func (s *site) prune(ctx context.Context) error {
	current := map[string]string{
		"dagger": s.keys.dagger, "vault": s.keys.vault, "consul": s.keys.consul,
		"rootfs": s.keys.rootfs, "jars": s.keys.jars, "postgres": s.keys.postgres,
		"sdk": s.keys.images["sdk"], "modules": s.keys.modules,
	}
	for item, key := range current {
		if err := s.cache.prune(item, key); err != nil {
			return err
		}
	}
	return s.docker.pruneImages(ctx, s.keys.images)
}

// down stops what up started.
func (s *site) down(ctx context.Context, out io.Writer) error {
	release, err := s.cache.lock(ctx, out)
	if err != nil {
		return err
	}
	defer release()
	if s.docker.answers(ctx) {
		stopped, err := s.docker.stop(ctx, engineName)
		if err != nil {
			return err
		}
		if stopped {
			fmt.Fprintln(out, "engine stopped")
		}
	}
	stopped, err := s.stopDockerd(ctx)
	if err != nil {
		return err
	}
	if stopped {
		fmt.Fprintln(out, "dockerd stopped")
	} else {
		fmt.Fprintln(out, "no dockerd stopped: airgap started none that runs")
	}
	return nil
}

// clean removes everything up made, apart from Go's own caches and Debian's
// packages, which belong to the machine.
func (s *site) clean(ctx context.Context, out io.Writer) error {
	if err := s.cleanDocker(ctx, out); err != nil {
		return err
	}
	if err := s.down(ctx, out); err != nil {
		return err
	}
	if err := os.RemoveAll(s.cache.root); err != nil {
		return fmt.Errorf("remove the cache: %w", err)
	}
	fmt.Fprintln(out, "cache removed; Go's module and build caches are left as they are")
	return nil
}

// cleanDocker removes container, volume and images. They can only be removed
// through a running dockerd.
func (s *site) cleanDocker(ctx context.Context, out io.Writer) error {
	release, err := s.cache.lock(ctx, out)
	if err != nil {
		return err
	}
	defer release()
	if !s.docker.installed() {
		return nil
	}
	if !s.docker.answers(ctx) {
		if err := s.startDockerd(ctx, io.Discard); err != nil {
			return err
		}
	}
	if err := s.docker.removeAll(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "engine, volume and images removed")
	return nil
}

package main

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rootfsPackages are added to Debian's minimal system.
const rootfsPackages = "ca-certificates curl"

// rootfs is the step that makes the file system under all images, as a tar.
func (s *site) rootfs() step {
	st := step{
		name: "debian root", lane: assembling, needs: []string{"host tools"},
		expect: 60 * time.Second, disk: gib / 2,
	}
	return s.cached(st, "rootfs", s.keys.rootfs, s.buildRootfs)
}

func (s *site) buildRootfs(ctx context.Context, dir string, log io.Writer) error {
	tree := filepath.Join(dir, "tree")
	args := []string{
		"--mount", "--pid", "--fork", "--kill-child", "debootstrap", "--variant=minbase",
		"--include=" + strings.ReplaceAll(rootfsPackages, " ", ","), debianRelease, tree,
	}
	if mirror := s.debianMirror(ctx); mirror != "" {
		args = append(args, mirror)
	}
	// In namespaces of its own, a kill leaves neither the /proc that debootstrap
	// mounts into the tree nor a process that goes on writing to it.
	if _, err := s.exec(ctx, command{name: "unshare", args: args, log: log}); err != nil {
		return err
	}
	_, err := s.exec(ctx, command{name: "tar", log: log, args: []string{
		"--create", "--file", filepath.Join(dir, "rootfs.tar"), "--directory", tree,
		"--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", ".",
	}})
	if err != nil {
		return err
	}
	return os.RemoveAll(tree)
}

// debianMirror is where this machine's apt gets Debian itself from, "" to leave
// the choice to debootstrap.
func (s *site) debianMirror(ctx context.Context) string {
	out, err := s.exec(ctx, command{name: "apt-get", args: []string{
		"indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Codename: " + debianRelease,
		"Component: main", "Origin: Debian",
	}})
	if err != nil {
		return ""
	}
	mirror, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return mirror
}

// kafkaJars is the step that fetches Kafka and what it depends on.
func (s *site) kafkaJars() step {
	st := step{
		name: "kafka jars", lane: assembling, needs: []string{"host tools"},
		expect: 15 * time.Second, disk: gib / 4,
	}
	return s.cached(st, "jars", s.keys.jars, func(ctx context.Context, dir string, log io.Writer) error {
		return s.mavenCopy(ctx, dir, log, "kafka", "-Dkafka.version="+kafkaVersion, "-Dlog4j.version="+log4jVersion)
	})
}

// postgresBinaries is the step that fetches and unpacks the Postgres server.
func (s *site) postgresBinaries() step {
	st := step{
		name: "postgres binaries", lane: assembling, needs: []string{"host tools"},
		expect: 8 * time.Second, disk: gib / 4,
	}
	return s.cached(st, "postgres", s.keys.postgres, s.buildPostgres)
}

func (s *site) buildPostgres(ctx context.Context, dir string, log io.Writer) error {
	jars := filepath.Join(dir, "jars")
	if err := s.mavenCopy(ctx, jars, log, "postgres", "-Dpostgres.version="+postgresBinaries); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return fmt.Errorf("list %s: %w", jars, err)
	}
	if len(paths) != 1 {
		return fmt.Errorf("expected one jar in %s, found %d", jars, len(paths))
	}
	archive := filepath.Join(dir, "postgres.txz")
	if err := unzipOne(paths[0], ".txz", archive); err != nil {
		return err
	}
	dist := filepath.Join(dir, "dist")
	if err := os.Mkdir(dist, 0o755); err != nil {
		return err
	}
	if _, err := s.exec(ctx, command{name: "tar", log: log, args: []string{"-xJf", archive, "-C", dist}}); err != nil {
		return err
	}
	return removeAll(jars, archive)
}

// mavenCopy puts the artifacts of a profile of pom.xml, and all they depend on,
// into dir.
func (s *site) mavenCopy(ctx context.Context, dir string, log io.Writer, profile string, versions ...string) error {
	project := filepath.Join(dir, "pom.xml")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for artifacts: %w", err)
	}
	if err := os.WriteFile(project, pom, 0o644); err != nil {
		return fmt.Errorf("write pom.xml: %w", err)
	}
	args := append([]string{
		"--batch-mode", "--no-transfer-progress", "--file", project,
		"--activate-profiles", profile, mavenCopyPlugin, "-DoutputDirectory=" + dir,
	}, versions...)
	if _, err := s.exec(ctx, command{name: "mvn", args: args, log: log}); err != nil {
		return err
	}
	return os.Remove(project)
}

// unzipOne extracts the single file of an archive with that suffix.
func unzipOne(archive, suffix, dst string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("open %s: %w", archive, err)
	}
	defer reader.Close()
	for _, entry := range reader.File {
		if !strings.HasSuffix(entry.Name, suffix) {
			continue
		}
		from, err := entry.Open()
		if err != nil {
			return fmt.Errorf("open %s in %s: %w", entry.Name, archive, err)
		}
		defer from.Close()
		content, err := io.ReadAll(from)
		if err != nil {
			return fmt.Errorf("read %s in %s: %w", entry.Name, archive, err)
		}
		return os.WriteFile(dst, content, 0o644)
	}
	return fmt.Errorf("no %s in %s", suffix, archive)
}

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An image is built from images/<name>/ and inputs that earlier steps made.
type image struct {
	name   string
	base   string      // name of the image below it, "" for none
	refs   []reference // official names it is served under, none for our own
	needs  []string    // steps that make the inputs
	expect time.Duration
	disk   int64
	args   []string // of the build, beside BASE
	stage  func(dir string) error
}

// images are all images, each after the one it is built on.
func (s *site) images() []image {
	base := func(img image) image {
		img.base = "base"
		return img
	}
	return []image{
		{
			name: "base", needs: []string{"dockerd", "debian root"}, expect: 4 * time.Second, disk: gib / 4,
			stage: s.stageBase,
		},
		base(image{
			name: "golang", refs: golangReferences(s.golang.version), expect: 25 * time.Second, disk: gib / 2,
			stage: func(dir string) error {
				return linkTree(s.golang.root, filepath.Join(dir, "go"), "test", "api", "doc", "misc")
			},
		}),
		base(image{
			name: "engine", needs: []string{"compile dagger"}, expect: 25 * time.Second, disk: gib / 2,
			stage: s.stagePrograms("dagger", s.keys.dagger, "engine", "init", "dialstdio", "dnsname"),
		}),
		{
			name: "sdk", base: "golang", needs: []string{"compile dagger"}, expect: 3 * time.Second, disk: gib / 8,
			stage: s.stagePrograms("dagger", s.keys.dagger, "codegen"),
		},
		base(image{
			name: "vault", refs: []reference{"hashicorp/vault:" + vaultVersion},
			needs: []string{"compile vault"}, expect: 12 * time.Second, disk: gib / 2,
			args:  []string{"VERSION=" + vaultVersion},
			stage: s.stagePrograms("vault", s.keys.vault, "vault"),
		}),
		base(image{
			name: "consul", refs: []reference{"hashicorp/consul:" + consulVersion},
			needs: []string{"compile consul"}, expect: 12 * time.Second, disk: gib / 2,
			stage: s.stagePrograms("consul", s.keys.consul, "consul"),
		}),
		base(image{
			name: "kafka", refs: []reference{"apache/kafka:" + kafkaVersion},
			needs: []string{"kafka jars"}, expect: 37 * time.Second, disk: gib / 2,
			stage: func(dir string) error {
				return linkTree(s.cache.path("jars", s.keys.jars), filepath.Join(dir, "libs"))
			},
		}),
		base(image{
			name: "postgres", refs: []reference{"postgres:" + postgresVersion},
			needs: []string{"postgres binaries"}, expect: 15 * time.Second, disk: gib / 2,
			stage: func(dir string) error {
				dist := filepath.Join(s.cache.path("postgres", s.keys.postgres), "dist")
				return linkTree(dist, filepath.Join(dir, "dist"))
			},
		}),
	}
}

func (s *site) stageBase(dir string) error {
	rootfs := filepath.Join(s.cache.path("rootfs", s.keys.rootfs), "rootfs.tar")
	if err := linkFile(rootfs, filepath.Join(dir, "rootfs.tar")); err != nil {
		return err
	}
	return replaceFile(s.caBundle, filepath.Join(dir, "ca-certificates.crt"))
}

func (s *site) stagePrograms(item, key string, programs ...string) func(dir string) error {
	return func(dir string) error {
		for _, program := range programs {
			from := filepath.Join(s.cache.path(item, key), program)
			if err := linkFile(from, filepath.Join(dir, program)); err != nil {
				return err
			}
		}
		return nil
	}
}

// buildImage is the step that builds an image and names it on this host: under
// our own name always, under its official names unless those are taken by an
// image that was really pulled.
func (s *site) buildImage(img image) step {
	key := s.keys.images[img.name]
	tag := localTag(img.name, key)
	needs := img.needs
	if img.base != "" {
		needs = append([]string{"image " + img.base}, needs...)
	}
	return step{
		name: "image " + img.name, lane: assembling, needs: needs, key: key, expect: img.expect, disk: img.disk,
		ready: func(ctx context.Context) bool {
			id := s.docker.imageID(ctx, tag)
			return id != "" && s.namedOnHost(ctx, img, id)
		},
		make: func(ctx context.Context, log io.Writer) error {
			if s.docker.imageID(ctx, tag) == "" {
				if err := s.build(ctx, img, tag, log); err != nil {
					return err
				}
			}
			return s.nameOnHost(ctx, img, tag, log)
		},
		size: func(ctx context.Context) int64 { return s.docker.imageSize(ctx, tag) },
	}
}

// build lays out a context and has Docker build it.
func (s *site) build(ctx context.Context, img image, tag string, log io.Writer) error {
	dir := filepath.Join(s.cache.root, "context", img.name)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the rest of an earlier run: %w", err)
	}
	if err := extractEmbedded(imageFiles, "images/"+img.name, dir); err != nil {
		return fmt.Errorf("lay out the files of image %s: %w", img.name, err)
	}
	if err := img.stage(dir); err != nil {
		return fmt.Errorf("lay out the inputs of image %s: %w", img.name, err)
	}
	args := []string{"build", "--force-rm", "--tag", tag, "--label", keyLabel + "=" + s.keys.images[img.name]}
	if img.base != "" {
		args = append(args, "--build-arg", "BASE="+localTag(img.base, s.keys.images[img.base]))
	}
	for _, arg := range img.args {
		args = append(args, "--build-arg", arg)
	}
	if err := s.docker.logged(ctx, log, append(args, dir)...); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func (s *site) namedOnHost(ctx context.Context, img image, id string) bool {
	for _, ref := range img.refs {
		if s.docker.imageID(ctx, string(ref)) != id && !s.docker.foreign(ctx, string(ref)) {
			return false
		}
	}
	return true
}

func (s *site) nameOnHost(ctx context.Context, img image, tag string, log io.Writer) error {
	for _, ref := range img.refs {
		if s.docker.foreign(ctx, string(ref)) {
			continue
		}
		if err := s.docker.logged(ctx, log, "tag", tag, string(ref)); err != nil {
			return err
		}
	}
	return nil
}

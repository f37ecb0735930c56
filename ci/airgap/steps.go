package main

import (
	"context"
	"io"
	"time"
)

const gib = 1 << 30

// plan lists the steps. Order matters inside a lane: what the engine and its
// first users need comes before what only completes the mirror.
func (s *site) plan() plan {
	p := plan{s.compile(daggerBuild(), s.keys.dagger, 240*time.Second), s.hostTools(), s.dockerd(), s.rootfs()}

	images := map[string]image{}
	for _, img := range s.images() {
		images[img.name] = img
	}
	built := func(name string) { p = append(p, s.buildImage(images[name])) }
	served := func(name string) { p = append(p, s.serve(images[name])) }

	p = append(p, s.compile(vaultBuild(), s.keys.vault, 240*time.Second))
	p = append(p, s.compile(consulBuild(), s.keys.consul, 200*time.Second))
	built("base")
	p = append(p, s.kafkaJars(), s.postgresBinaries())
	built("golang")
	built("postgres")
	built("kafka")
	p = append(p, s.fetchModules())
	built("engine")
	built("sdk")
	p = append(p, s.sdkContent(), s.engine())
	served("golang")
	served("postgres")
	served("kafka")
	p = append(p, s.warmUp())
	for _, name := range []string{"vault", "consul"} {
		built(name)
		served(name)
	}
	return p
}

// cached makes the functions of a step whose thing is an item of the cache.
func (s *site) cached(st step, item, key string, build func(ctx context.Context, dir string, log io.Writer) error) step {
	st.key = key
	st.ready = func(context.Context) bool { return s.cache.has(item, key) }
	st.size = func(context.Context) int64 { return dirSize(s.cache.path(item, key)) }
	st.make = func(ctx context.Context, log io.Writer) error {
		return s.cache.fill(item, key, func(dir string) error { return build(ctx, dir, log) })
	}
	return st
}

// unsized is the size of things that take no room of their own.
func unsized(context.Context) int64 { return 0 }

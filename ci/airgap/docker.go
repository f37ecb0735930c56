package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// keyLabel is on every image and container that airgap makes.
const keyLabel = "ai.omninode.airgap.key"

// localPrefix keeps the images apart, on the host, from pulled ones.
const localPrefix = "omninode-airgap/"

// docker runs the docker client.
type docker struct {
	exec runner
}

// quiet runs the client for its answer; the command is in no log.
func (d docker) quiet(ctx context.Context, args ...string) (string, error) {
	out, err := d.exec(ctx, command{name: "docker", args: args})
	return strings.TrimSpace(out), err
}

// logged runs the client for its effect.
func (d docker) logged(ctx context.Context, log io.Writer, args ...string) error {
	_, err := d.exec(ctx, command{name: "docker", args: args, log: log, env: []string{"DOCKER_BUILDKIT=0"}})
	return err
}

func (d docker) installed() bool {
	_, err := exec.LookPath("docker")
	return err == nil
}

// answers tells whether a dockerd is at the other end.
func (d docker) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	version, err := d.quiet(ctx, "version", "--format", "{{.Server.Version}}")
	return err == nil && version != ""
}

// localTag is the name on this host of the image that a step builds.
func localTag(name, key string) string { return localPrefix + name + ":" + key }

// imageID is the digest of a local image's configuration, "" if there is none.
func (d docker) imageID(ctx context.Context, tag string) string {
	id, err := d.quiet(ctx, "image", "inspect", "--format", "{{.Id}}", tag)
	if err != nil {
		return ""
	}
	return id
}

// imageSize is what a local image takes, layers shared with others included.
func (d docker) imageSize(ctx context.Context, tag string) int64 {
	out, err := d.quiet(ctx, "image", "inspect", "--format", "{{.Size}}", tag)
	if err != nil {
		return 0
	}
	var size int64
	if _, err := fmt.Sscan(out, &size); err != nil {
		return 0
	}
	return size
}

// foreign tells whether a name on this host belongs to an image not made here,
// which is then left as it is.
func (d docker) foreign(ctx context.Context, name string) bool {
	label, err := d.quiet(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+keyLabel+`"}}`, name)
	return err == nil && label == ""
}

// stop ends a container and tells whether there was one to end.
func (d docker) stop(ctx context.Context, container string) (bool, error) {
	names, err := d.quiet(ctx, "ps", "--quiet", "--filter", "name=^"+container+"$")
	if err != nil || names == "" {
		return false, err
	}
	_, err = d.quiet(ctx, "stop", container)
	return err == nil, err
}

// removeContainer removes a container that may not exist.
func (d docker) removeContainer(ctx context.Context, log io.Writer, container string) error {
	names, err := d.quiet(ctx, "ps", "--all", "--quiet", "--filter", "name=^"+container+"$")
	if err != nil || names == "" {
		return err
	}
	return d.logged(ctx, log, "rm", "--force", container)
}

// ourImages are the names of all images with our label.
func (d docker) ourImages(ctx context.Context) ([]string, error) {
	out, err := d.quiet(ctx, "image", "ls", "--filter", "label="+keyLabel, "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.FieldsSeq(out) {
		if !strings.Contains(name, "<none>") {
			names = append(names, name)
		}
	}
	return names, nil
}

// pruneImages removes the local names of other versions than the present ones;
// layers go when their last name does.
func (d docker) pruneImages(ctx context.Context, keys map[string]string) error {
	names, err := d.ourImages(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		repository, tag, _ := strings.Cut(name, ":")
		item, local := strings.CutPrefix(repository, localPrefix)
		if !local || keys[item] == tag {
			continue
		}
		if _, err := d.quiet(ctx, "image", "rm", name); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes the engine, its volume and every image made here.
func (d docker) removeAll(ctx context.Context) error {
	if err := d.removeContainer(ctx, nil, engineName); err != nil {
		return err
	}
	if _, err := d.quiet(ctx, "volume", "rm", "--force", engineName); err != nil {
		return err
	}
	names, err := d.ourImages(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = d.quiet(ctx, append([]string{"image", "rm", "--force"}, names...)...)
	return err
}

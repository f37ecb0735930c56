package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// mirrorPort is where the registry in the engine's container listens.
const mirrorPort = "5000"

// A mirror is that registry, seen from this host.
type mirror struct {
	address string
	client  *http.Client
}

// mirror finds the registry on Docker's bridge; no port of it is published.
func (s *site) mirror(ctx context.Context) (mirror, error) {
	const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
	ip, err := s.docker.quiet(ctx, "container", "inspect", "--format", format, engineName)
	if err != nil {
		return mirror{}, err
	}
	if net.ParseIP(ip) == nil {
		return mirror{}, fmt.Errorf("container %s has no address: is it running?", engineName)
	}
	// Without the proxies of the environment: this never leaves the machine.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	return mirror{address: net.JoinHostPort(ip, mirrorPort), client: client}, nil
}

// manifest is what of an image's manifest is of interest here.
type manifest struct {
	digest string // of the manifest itself: what a pull by digest names
	config string // of the configuration, which is the image's id in Docker
}

func (m mirror) manifest(ctx context.Context, ref reference) (manifest, error) {
	repository, tag := ref.mirrorPath()
	body, header, err := m.get(ctx, "/v2/"+repository+"/manifests/"+tag)
	if err != nil {
		return manifest{}, fmt.Errorf("look %s up in the mirror: %w", ref, err)
	}
	var content struct {
		Config struct {
			Digest string `json:"digest"`
		} `json:"config"`
	}
	if err := json.Unmarshal(body, &content); err != nil {
		return manifest{}, fmt.Errorf("read the mirror's manifest of %s: %w", ref, err)
	}
	return manifest{digest: header.Get("Docker-Content-Digest"), config: content.Config.Digest}, nil
}

func (m mirror) answers(ctx context.Context) bool {
	_, _, err := m.get(ctx, "/v2/")
	return err == nil
}

func (m mirror) get(ctx context.Context, path string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.address+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, resp.Header, nil
}

// serve is the step that puts an image into the mirror under all its names.
func (s *site) serve(img image) step {
	tag := localTag(img.name, s.keys.images[img.name])
	return step{
		name: "mirror " + img.name, lane: assembling, needs: []string{"image " + img.name, "engine"},
		key: s.keys.images[img.name], expect: 6 * time.Second, disk: gib / 8, size: unsized,
		ready: func(ctx context.Context) bool {
			m, err := s.mirror(ctx)
			return err == nil && s.served(ctx, m, img, s.docker.imageID(ctx, tag))
		},
		make: func(ctx context.Context, log io.Writer) error {
			m, err := s.mirror(ctx)
			if err != nil {
				return err
			}
			return s.push(ctx, m, img, tag, log)
		},
	}
}

// served tells whether the mirror has exactly this image under all its names.
func (s *site) served(ctx context.Context, m mirror, img image, id string) bool {
	if id == "" {
		return false
	}
	return !slices.ContainsFunc(img.refs, func(ref reference) bool {
		found, err := m.manifest(ctx, ref)
		return err != nil || found.config != id
	})
}

// push copies the image to its first name, and from there to the others, so
// that its layers are compressed once.
func (s *site) push(ctx context.Context, m mirror, img image, tag string, log io.Writer) error {
	from := "docker-daemon:" + tag
	for _, ref := range img.refs {
		repository, name := ref.mirrorPath()
		to := "docker://" + m.address + "/" + repository + ":" + name
		_, err := s.exec(ctx, command{name: "skopeo", log: log, args: []string{
			"copy", "--src-tls-verify=false", "--dest-tls-verify=false",
			"--dest-compress-format=gzip", "--dest-compress-level=1", from, to,
		}})
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// lock prints the digest of each image in the mirror, as the registry computed
// it. They are this machine's: an official image of that name has another.
func (s *site) lock(ctx context.Context, out io.Writer) error {
	m, err := s.mirror(ctx)
	if err != nil {
		return &remedied{err: fmt.Errorf("find the mirror: %w", err), next: self + " up"}
	}
	for _, img := range s.images() {
		for _, ref := range img.refs {
			found, err := m.manifest(ctx, ref)
			if err != nil {
				return &remedied{err: err, next: self + " up"}
			}
			fmt.Fprintf(out, "%s %s\n", ref, found.digest)
		}
	}
	return nil
}

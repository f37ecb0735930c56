// Package image holds what the pipeline knows about container images without talking to an engine:
// the lock file that pins tags by digest, and what an image's tarball says about itself.
package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ParseLock reads a lock file and returns its images as they are pulled, "<image>@<digest>". A line
// is "<image> <digest>"; "#" starts a comment.
func ParseLock(text string) ([]string, error) {
	var refs []string
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case len(fields) == 2 && strings.HasPrefix(fields[1], "sha256:"):
			refs = append(refs, fields[0]+"@"+fields[1])
		default:
			return nil, fmt.Errorf("line %d: want \"<image> sha256:<digest>\", got %q", i+1, strings.TrimSpace(line))
		}
	}
	return refs, nil
}

// Digest cuts the digest off a reference such as "docker.io/library/postgres:17.5@sha256:…".
func Digest(ref string) (string, error) {
	_, digest, ok := strings.Cut(ref, "@")
	if !ok {
		return "", fmt.Errorf("%s has no digest", ref)
	}
	return digest, nil
}

// Entry describes one image of a build.
type Entry struct {
	Node   string `json:"node"`
	Ref    string `json:"ref"`
	Digest string `json:"digest"` // of the manifest
	Size   int64  `json:"size"`   // bytes of the tarball
}

// Index is a list of images as the deployment reads it.
type Index struct {
	Images []Entry `json:"images"`
}

// JSON encodes the index, indented.
func (i Index) JSON() (string, error) {
	raw, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the list of images: %w", err)
	}
	return string(raw) + "\n", nil
}

// ManifestDigest returns the digest of the only manifest in the index.json of an OCI tarball.
func ManifestDigest(indexJSON string) (string, error) {
	var index struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal([]byte(indexJSON), &index); err != nil {
		return "", fmt.Errorf("read index.json: %w", err)
	}
	if n := len(index.Manifests); n != 1 {
		return "", fmt.Errorf("index.json lists %d manifests, want 1", n)
	}
	return index.Manifests[0].Digest, nil
}

var versionLine = regexp.MustCompile(`(?m)^version: *"?([0-9][0-9A-Za-z.+-]*)"? *(?:#.*)?$`)

// ContractVersion returns the version a contract gives its node; it is the tag of the node's image.
func ContractVersion(contract string) (string, error) {
	found := versionLine.FindStringSubmatch(contract)
	if found == nil {
		return "", errors.New("the contract has no version")
	}
	return strings.ReplaceAll(found[1], "+", "_"), nil // "+" is not allowed in a tag
}

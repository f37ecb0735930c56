// Package image pins container images by digest: it reads the lock file, without talking to an engine.
package image

import (
	"fmt"
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

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Images names the image of each node by digest. The pipeline writes it as images.json.
type Images struct {
	Images []Image `json:"images"`
}

// Image is one node's image.
type Image struct {
	Node   string `json:"node"`
	Ref    string `json:"ref"`    // name:tag, e.g. omninode/pricing:1.2.0
	Digest string `json:"digest"` // sha256:<64 hex digits> of the image's manifest
	Size   int64  `json:"size"`   // of the image in bytes; 0 if unknown
}

// String returns the image the way a cluster is told to pull it: by digest.
func (i Image) String() string { return i.Ref + "@" + i.Digest }

// Of returns the image of a node.
func (is Images) Of(node string) (Image, bool) {
	for _, i := range is.Images {
		if i.Node == node {
			return i, true
		}
	}
	return Image{}, false
}

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ParseImages reads images.json strictly: unknown keys, malformed references or digests and a node
// named twice are errors.
func ParseImages(src []byte) (Images, error) {
	var is Images
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&is); err != nil {
		return Images{}, fmt.Errorf("decode images: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Images{}, errors.New("decode images: text after the JSON object")
	}
	seen := map[string]bool{}
	for n, i := range is.Images {
		if err := i.validate(); err != nil {
			return Images{}, fmt.Errorf("images[%d]: %w", n, err)
		}
		if seen[i.Node] {
			return Images{}, fmt.Errorf("images[%d]: node %q is listed twice", n, i.Node)
		}
		seen[i.Node] = true
	}
	return is, nil
}

func (i Image) validate() error {
	if i.Node == "" {
		return errors.New("node is missing")
	}
	if _, err := name.NewTag(i.Ref); err != nil {
		return fmt.Errorf("ref of node %q is not of the form repository/name:tag: %w", i.Node, err)
	}
	if !strings.Contains(path.Base(i.Ref), ":") {
		return fmt.Errorf("ref of node %q is %q, which has no tag", i.Node, i.Ref)
	}
	if !digestPattern.MatchString(i.Digest) {
		return fmt.Errorf("digest of node %q is %q, want sha256:<64 hex digits>", i.Node, i.Digest)
	}
	if i.Size < 0 {
		return fmt.Errorf("size of node %q is negative", i.Node)
	}
	return nil
}

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/manifest"
)

const (
	codePack = "ONEX_PACK_001_FAILED"

	// imageUser is a user that no file on any system belongs to.
	imageUser = "65532:65532"
	imageMain = "/node"
	imagePort = "8080/tcp"
	imageCA   = "etc/ssl/certs/ca-certificates.crt"
)

// packing is what the flags of pack say.
type packing struct{ binaries, ca, out string }

// newPackCommand makes the images of the nodes for the pipeline. It is done here and not by the
// engine, so that an image's digest follows from its content alone, on any machine and at any time.
func newPackCommand(a *app) *cobra.Command {
	var p packing
	c := &cobra.Command{
		Use:    "pack --binaries DIR --out DIR",
		Short:  "put each node's static binary into an image of its own",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return a.pack(p) },
	}
	c.Flags().StringVar(&p.binaries, "binaries", "", "folder with one static binary per node, named like it")
	c.Flags().StringVar(&p.ca, "ca", "/"+imageCA, "bundle of certificates the nodes trust")
	c.Flags().StringVar(&p.out, "out", "", "folder for <node>.tar and images.json")
	_ = c.MarkFlagRequired("binaries")
	_ = c.MarkFlagRequired("out")
	return c
}

func (a *app) pack(p packing) error {
	fleet, err := a.fleet()
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(p.ca)
	if err != nil {
		return mistake(codeUnreadable, err, "name the bundle with --ca")
	}
	if err := os.MkdirAll(p.out, 0o755); err != nil {
		return unwritable(p.out, err)
	}
	var images manifest.Images
	for _, c := range fleet.Contracts {
		packed, err := p.node(c, ca)
		if err != nil {
			return mistake(codePack, fmt.Errorf("node %s: %w", c.Node, err), "")
		}
		fmt.Fprintf(a.stdout, "%s %s %.1f MiB\n", packed.Ref, packed.Digest, float64(packed.Size)/(1<<20))
		images.Images = append(images.Images, packed)
	}
	text, err := json.MarshalIndent(images, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, "images.json"), append(text, '\n'), 0o644)
}

// node writes the image of one node and describes it.
func (p packing) node(c *contract.Contract, ca []byte) (manifest.Image, error) {
	binary, err := os.ReadFile(filepath.Join(p.binaries, c.Node))
	if err != nil {
		return manifest.Image{}, err
	}
	blobs, err := nodeImage(c, binary, ca)
	if err != nil {
		return manifest.Image{}, err
	}
	ref := "omninode/" + c.Node + ":" + strings.ReplaceAll(c.Version, "+", "_") // "+" is not allowed in a tag
	file := filepath.Join(p.out, c.Node+".tar")
	if err := writeOCI(file, ref, blobs); err != nil {
		return manifest.Image{}, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return manifest.Image{}, err
	}
	return manifest.Image{Node: c.Node, Ref: ref, Digest: blobs[0].Digest.String(), Size: info.Size()}, nil
}

// nodeImage is an image FROM scratch: the binary, the certificates, no root. blobs are its parts, by
// digest; the first is the manifest.
func nodeImage(c *contract.Contract, binary, ca []byte) (blobs []blob, err error) {
	files, err := tarOf([]tarFile{
		{"etc/", 0o755, nil},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{imageCA, 0o644, ca},
		{strings.TrimPrefix(imageMain, "/"), 0o755, binary},
	})
	if err != nil {
		return nil, err
	}
	packed, err := compress(files)
	if err != nil {
		return nil, err
	}
	layer := newBlob(types.OCILayer, packed)
	config, err := jsonBlob(types.OCIConfigJSON, imageConfig(c, newBlob(types.OCIUncompressedLayer, files).Digest))
	if err != nil {
		return nil, err
	}
	m, err := jsonBlob(types.OCIManifestSchema1, v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: config.Descriptor, Layers: []v1.Descriptor{layer.Descriptor},
	})
	return []blob{m, config, layer}, err
}

func imageConfig(c *contract.Contract, layer v1.Hash) v1.ConfigFile {
	return v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux",
		Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer}},
		Config: v1.Config{
			User: imageUser, Entrypoint: []string{imageMain}, ExposedPorts: map[string]struct{}{imagePort: {}},
			Labels: map[string]string{
				"org.opencontainers.image.title":       c.Node,
				"org.opencontainers.image.description": c.Description,
				"org.opencontainers.image.version":     c.Version,
				"org.opencontainers.image.source":      "https://" + ownModule,
				"ai.omninode.contract.sha256":          c.SHA256,
			},
		},
	}
}

// blob is a part of an image with what describes it.
type blob struct {
	v1.Descriptor

	content []byte
}

func newBlob(kind types.MediaType, content []byte) blob {
	sum := sha256.Sum256(content)
	hash := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	return blob{v1.Descriptor{MediaType: kind, Size: int64(len(content)), Digest: hash}, content}
}

func jsonBlob(kind types.MediaType, value any) (blob, error) {
	text, err := json.Marshal(value)
	return newBlob(kind, text), err
}

func compress(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// writeOCI writes an image as a tar of the OCI layout.
func writeOCI(file, ref string, blobs []blob) error {
	entry := blobs[0].Descriptor
	entry.Annotations = map[string]string{"org.opencontainers.image.ref.name": ref}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{entry},
	})
	if err != nil {
		return err
	}
	files := []tarFile{{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {"index.json", 0o644, index}}
	for _, b := range blobs {
		files = append(files, tarFile{"blobs/sha256/" + b.Digest.Hex, 0o644, b.content})
	}
	content, err := tarOf(files)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// tarFile is a file of an archive, or a folder if its name ends in a slash.
type tarFile struct {
	name    string
	mode    int64
	content []byte
}

// tarOf archives files in the given order, without times and owners.
func tarOf(files []tarFile) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: time.Unix(0, 0)}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

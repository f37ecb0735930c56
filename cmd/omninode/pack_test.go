package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/omninode-ai/omninode/contract"
)

func TestNodeImageFollowsFromItsContent(t *testing.T) {
	t.Parallel()
	c := &contract.Contract{Node: "pricing", Version: "1.2.0+linux", Description: "prices", SHA256: "ab"}
	digest := func(binary string) string {
		blobs, err := nodeImage(c, []byte(binary), []byte("ca"))
		if err != nil {
			t.Fatal(err)
		}
		return blobs[0].Digest.String()
	}
	if first, again := digest("a"), digest("a"); first != again {
		t.Error("the same content gives two digests")
	}
	if digest("a") == digest("b") {
		t.Error("another binary gives the same digest")
	}
}

func TestPackWritesOneTarballPerNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.crt", "ca")
	for _, node := range []string{"checkout", "orders", "payment", "pricing"} {
		file(filepath.Join("bin", node), "binary of "+node)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{
		"pack", "--nodes", "../../nodes", "--binaries", filepath.Join(dir, "bin"), "--ca", ca, "--out", filepath.Join(dir, "out"),
	}, noEnv, &out, &errs)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, name := range []string{"images.json", "checkout.tar", "orders.tar", "payment.tar", "pricing.tar"} {
		if _, err := os.Stat(filepath.Join(dir, "out", name)); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "out", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPackNamesTheNodeWithoutBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var errs bytes.Buffer
	code := run(t.Context(), []string{"pack", "--nodes", "../../nodes", "--binaries", dir, "--ca", "pack.go", "--out", dir}, noEnv, io.Discard, &errs)
	if code != exitMistake || !bytes.Contains(errs.Bytes(), []byte("node checkout: open ")) {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestNodeImageHasNoRootAndNoShell(t *testing.T) {
	t.Parallel()
	blobs, err := nodeImage(&contract.Contract{Node: "pricing", Version: "1.0.0"}, []byte("binary"), []byte("ca"))
	if err != nil {
		t.Fatal(err)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(blobs[1].content, &config); err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/node"}) {
		t.Errorf("user %q, entry point %q", config.Config.User, config.Config.Entrypoint)
	}
	zip, err := gzip.NewReader(bytes.NewReader(blobs[2].content))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			files = append(files, h.Name)
		}
	}
	if !slices.Equal(files, []string{"etc/ssl/certs/ca-certificates.crt", "node"}) {
		t.Errorf("the image holds %q", files)
	}
}

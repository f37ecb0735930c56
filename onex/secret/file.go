package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/omninode-ai/omninode/onex/config"
)

// File keeps secrets in a file of <NODE>_<KEY>="value" lines (see config.ParseDotenv) that only its
// owner may read. It is read once, by OpenFile.
type File struct {
	path   string
	values map[string]string
}

var _ Store = (*File)(nil)

// FileModeError refuses a secrets file that others than its owner may read or write.
type FileModeError struct {
	Path string
	Mode fs.FileMode
}

func (e *FileModeError) Error() string {
	return fmt.Sprintf("secrets file %s has mode %#o, which lets others than its owner at it; run: chmod 600 %s",
		e.Path, e.Mode.Perm(), e.Path)
}

// OpenFile reads the secrets file at path. It returns a *FileModeError if group or world have any
// access to it.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open secrets file %s: it does not exist, write it with omninode seed: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open secrets file: %w", err)
	}
	defer f.Close()
	text, err := readPrivate(f)
	if err != nil {
		return nil, err
	}
	values, err := config.ParseDotenv(path, text)
	if err != nil {
		return nil, fmt.Errorf("read secrets file: %w", err)
	}
	return &File{path: path, values: values}, nil
}

// readPrivate checks the mode of the opened file itself, so that it cannot be swapped in between.
func readPrivate(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("check secrets file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("secrets file %s is not a regular file", f.Name())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &FileModeError{Path: f.Name(), Mode: info.Mode()}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read secrets file: %w", err)
	}
	return text, nil
}

// Get returns the secret key of node.
func (f *File) Get(_ context.Context, node, key string) (string, bool, error) {
	v, ok := f.values[Name(node, key)]
	return v, ok && v != "", nil
}

// Where tells people the line that belongs into the file.
func (f *File) Where(node, key string) string {
	return fmt.Sprintf("add %s=… to %s", Name(node, key), f.path)
}

// Name returns the name of a node's secret in a file or in the environment: PAYMENT_GATEWAY_TOKEN.
func Name(node, key string) string {
	return strings.ToUpper(strings.ReplaceAll(node, "-", "_") + "_" + key)
}

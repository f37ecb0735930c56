package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"github.com/omninode-ai/omninode/onex/config"
)

// File keeps secrets in a file of <NODE>_<KEY>="value" lines (see config.ParseDotenv) that only its
// owner may read. It is read by OpenFile and by Renew, and is safe for concurrent use.
type File struct {
	path   string
	values atomic.Pointer[map[string]string]
}

var (
	_ Store   = (*File)(nil)
	_ Renewer = (*File)(nil)
)

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
	f := &File{path: path}
	if err := f.Renew(context.Background()); err != nil {
		return nil, err
	}
	return f, nil
}

// Renew implements Renewer: it reads the file again.
func (f *File) Renew(context.Context) error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open secrets file %s: it does not exist, write it with omninode seed: %w", f.path, err)
	}
	if err != nil {
		return fmt.Errorf("open secrets file: %w", err)
	}
	defer file.Close()
	text, err := readPrivate(file)
	if err != nil {
		return err
	}
	values, err := config.ParseDotenv(f.path, text)
	if err != nil {
		return fmt.Errorf("read secrets file: %w", err)
	}
	f.values.Store(&values)
	return nil
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
	v, ok := (*f.values.Load())[Name(node, key)]
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

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// seal remembers that a run of generate left everything as the contracts say. A run that finds
// everything as the seal says renders nothing; --check never looks at one.
type seal struct {
	file  string // in the user's cache
	scar  string // there too: exists while hand-written code does not fit
	whole bool   // it is for all nodes
	sums  func() (inputs, outputs string, err error)

	inputs string // before this run read them
}

// seal returns the seal of generating some nodes, nil where the user has no cache.
func (a *app) seal(nodes []string) *seal {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	dir, err := filepath.Abs(a.nodes)
	if err != nil {
		return nil
	}
	name := sha256.Sum256([]byte(strings.Join(append([]string{dir}, nodes...), "\x00")))
	folder := sha256.Sum256([]byte(dir))
	return &seal{
		file: filepath.Join(cache, "omninode", "generate", hex.EncodeToString(name[:16])),
		scar: filepath.Join(cache, "omninode", "generate", hex.EncodeToString(folder[:16])+".conflict"), whole: len(nodes) == 0,
		sums: func() (string, string, error) { return a.sums(dir) },
	}
}

// holds reports whether nothing changed since the seal was set.
func (s *seal) holds() bool {
	if s == nil {
		return false
	}
	inputs, outputs, err := s.sums()
	if err != nil {
		return false
	}
	s.inputs = inputs
	want, err := os.ReadFile(s.file)
	return err == nil && string(want) == inputs+outputs
}

// set seals what this run wrote, unless its inputs have changed since it read them. A seal that
// cannot be set costs time only.
func (s *seal) set() {
	if s == nil {
		return
	}
	inputs, outputs, err := s.sums()
	if err != nil || inputs != s.inputs || os.MkdirAll(filepath.Dir(s.file), 0o755) != nil {
		return
	}
	_ = os.WriteFile(s.file, []byte(inputs+outputs), 0o600)
}

// tear notes that hand-written code does not fit, so that the next run looks again even if it has
// nothing to write, whichever nodes it is for.
func (s *seal) tear() {
	if s != nil && os.MkdirAll(filepath.Dir(s.scar), 0o755) == nil {
		_ = os.WriteFile(s.scar, nil, 0o600)
	}
}

// mend takes back what tear noted, once a run for all nodes found no conflict.
func (s *seal) mend() {
	if s != nil && s.whole {
		_ = os.Remove(s.scar)
	}
}

// torn reports whether a run found a conflict that nothing mended, or whether nobody can tell.
func (s *seal) torn() bool {
	if s == nil {
		return true
	}
	_, err := os.Lstat(s.scar)
	return err == nil
}

// sums returns digests of what a run reads, which are this program, the module and the contracts, and
// of what it writes or judges: the Go files of the nodes.
func (a *app) sums(dir string) (inputs, outputs string, err error) {
	program, err := os.Executable()
	if err != nil {
		return "", "", err
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", "", err
	}
	options, err := a.layout()
	if err != nil {
		return "", "", err
	}
	in, out := sha256.New(), sha256.New()
	fmt.Fprintf(in, "%s %d %d %s %s\n", program, info.Size(), info.ModTime().UnixNano(), options.Module, options.Dir)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link: what lies behind it is not watched", path)
		case d.Name() == contract.FileName, filepath.Ext(path) == ".tmpl" && !d.IsDir():
			return digest(in, path)
		case filepath.Ext(path) == ".go" && !d.IsDir():
			return digest(out, path)
		}
		return nil
	})
	return hex.EncodeToString(in.Sum(nil)), hex.EncodeToString(out.Sum(nil)), err
}

// digest adds a file's name, size and content.
func digest(h hash.Hash, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%s %v %d\n", path, info.Mode(), info.Size())
	_, err = io.Copy(h, f)
	return err
}

package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const lockName = "lock"

// workDir is a folder that one process at a time uses, held by an advisory lock that the kernel
// drops when the process dies.
type workDir struct {
	path string
	temp bool
	lock *os.File
}

// openWorkDir opens path, or a new temporary folder when path is "". A temporary folder whose owner
// was killed is removed by the next one that opens such a folder.
func openWorkDir(path, name string) (*workDir, error) {
	d := &workDir{path: path, temp: path == ""}
	var err error
	if d.temp {
		sweep(name)
		d.path, err = os.MkdirTemp("", "omninode-"+name+"-")
	} else {
		err = os.MkdirAll(path, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", name, err)
	}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	return d, nil
}

// acquire locks the folder. A new lock file is locked before it gets its name, so that nobody can
// lock it in between.
func (d *workDir) acquire() error {
	name := filepath.Join(d.path, lockName)
	if d.temp {
		f, err := lockFile(name + ".new")
		if err != nil {
			return err
		}
		d.lock = f
		return os.Rename(f.Name(), name)
	}
	f, err := lockFile(name)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s is in use by another process; stop it first", d.path)
	}
	d.lock = f
	return err
}

func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock a folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return f, nil
}

func (d *workDir) close() error {
	var err error
	if d.temp {
		err = os.RemoveAll(d.path)
	}
	return errors.Join(err, d.lock.Close())
}

// sweep removes what killed processes left. It is a courtesy: errors are left to the next sweep.
func sweep(name string) {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "omninode-"+name+"-*", lockName))
	for _, file := range left {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(file))
		}
		_ = f.Close()
	}
}

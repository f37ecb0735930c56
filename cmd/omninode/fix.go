package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/omninode-ai/omninode/contract"
)

const codeMeanwhile = "ONEX_CONTRACT_005_CHANGED_MEANWHILE"

// repair is what validate --fix did, or would do, to the contracts of a path.
type repair struct {
	contract.Repair
	before map[string][]byte
}

// fix applies what is mechanical to contracts and writes them, unless it only shows what it would
// do. It changes nothing and returns false if one of them cannot be read.
func (a *app) fix(t target, dryRun bool) (repair, bool, error) {
	files, ok := t.read()
	if !ok {
		return repair{}, false, nil
	}
	r := repair{Repair: contract.Fix(files, t.check), before: files}
	if dryRun {
		return r, true, nil
	}
	for _, file := range slices.Sorted(maps.Keys(r.Files)) {
		if err := replaceFile(file, files[file], r.Files[file]); err != nil {
			return repair{}, false, err
		}
	}
	return r, true, nil
}

// print prints what changes as a diff.
func (r repair) print(w io.Writer, dryRun bool) {
	for _, file := range slices.Sorted(maps.Keys(r.Files)) {
		fmt.Fprint(w, printableLines(contract.Diff(filepath.ToSlash(file), r.before[file], r.Files[file]), ""))
	}
	if n := len(r.Fixed); n > 0 {
		did := "fixed"
		if dryRun {
			did = "would fix"
		}
		fmt.Fprintf(w, "%s %s in %s\n\n", did, count(n, "mistake"), count(len(r.Files), "contract"))
	}
}

// replaceFile gives a file a new content at once, or not at all. It refuses to overwrite what
// somebody else wrote in the meantime.
func replaceFile(name string, before, after []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return lacking(codeUnwritable, fmt.Errorf("write %s: %w", name, err), "check the path")
	}
	if now, err := os.ReadFile(target); err != nil || !bytes.Equal(now, before) {
		return mistake(codeMeanwhile, fmt.Errorf("%s was changed by something else meanwhile", name), "run the same command again")
	}
	if err := writeBeside(target, after); err != nil {
		return lacking(codeUnwritable, fmt.Errorf("write %s: %w", name, err), "make the folder writable for this user; the file is as it was")
	}
	return nil
}

// writeBeside writes a new file in the same folder, which then takes the place of the old one.
func writeBeside(target string, content []byte) (err error) {
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".contract-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

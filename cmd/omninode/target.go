package main

import (
	"os"
	"path/filepath"

	"github.com/omninode-ai/omninode/contract"
)

// target is what one argument of validate names: a contract by itself, or a fleet.
type target struct {
	fleet string // folder of the fleet; "" for one file
	files []string
}

func targetOf(path string) (target, error) {
	info, err := os.Stat(path)
	if err != nil {
		return target{}, unreadable(path, err)
	}
	if !info.IsDir() {
		return target{files: []string{path}}, nil
	}
	if file := filepath.Join(path, contract.FileName); exists(file) {
		return target{files: []string{file}}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*", contract.FileName))
	if err != nil || len(files) == 0 {
		return target{}, noContracts(path)
	}
	return target{fleet: path, files: files}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// load reports what is wrong with the files on disk.
func (t target) load() (contract.Diagnostics, error) {
	if t.fleet == "" {
		_, ds := contract.Load(t.files[0])
		return ds, nil
	}
	_, err := contract.LoadFleet(t.fleet)
	return asDiagnostics(err)
}

// read returns the contents of all files, false if one of them cannot be a contract.
func (t target) read() (map[string][]byte, bool) {
	contents := map[string][]byte{}
	for _, file := range t.files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > contract.MaxBytes {
			return nil, false
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, false
		}
		contents[file] = src
	}
	return contents, true
}

// check reports what is wrong with contents of the files.
func (t target) check(contents map[string][]byte) contract.Diagnostics {
	if t.fleet == "" {
		_, ds := contract.Parse(t.files[0], contents[t.files[0]])
		return ds
	}
	_, err := contract.ParseFleet(contents)
	ds, _ := asDiagnostics(err)
	return ds
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
)

// keyOf hashes the parts that determine a thing's content. Each part is
// preceded by its length, so that moving a character from one to the next
// makes another key.
func keyOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// treeKey hashes the paths and contents of the files below a directory.
func treeKey(tree fs.FS, dir string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(tree, dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := tree.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, info.Size())
		_, err = io.Copy(h, file)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash the files below %s: %w", dir, err)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

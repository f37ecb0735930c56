package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

const (
	codeNoGit      = "ONEX_DIFF_002_NO_GIT"
	codeNoRevision = "ONEX_DIFF_003_NO_REVISION"
)

// revision reads the contracts of --nodes as they were in a revision of git, by path. A revision from
// before the folder has none, which is no mistake: all nodes are new then.
func (a *app) revision(ctx context.Context, name string) (map[string][]byte, error) {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":\x00\n") {
		return nil, noRevision(name, errors.New("it is neither a path nor the name of a revision"))
	}
	top, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, lacking(codeNoGit, fmt.Errorf("%s does not exist, and revisions cannot be read: %w", name, err),
			"name a file or folder, or run it in a git repository")
	}
	root := strings.TrimSuffix(string(top), "\n")
	commit, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return nil, noRevision(name, errors.New("there is no such path and no such revision"))
	}
	dir, err := within(root, a.nodes)
	if err != nil {
		return nil, err
	}
	return contractsOf(ctx, root, strings.TrimSpace(string(commit)), dir, name)
}

func noRevision(name string, err error) error {
	return mistake(codeNoRevision, fmt.Errorf("%s: %w", name, err), "git log --oneline --all names revisions; a shallow clone has few: git fetch --unshallow")
}

// within returns the slash-separated place of the nodes in the repository.
func within(root, nodes string) (string, error) {
	abs, err := filepath.Abs(nodes)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", mistake(codeNoRevision, fmt.Errorf("%s is not in the repository %s", nodes, root), "run it in the repository of the nodes")
	}
	return filepath.ToSlash(rel), nil
}

// contractsOf reads <dir>/*/contract.yaml of a commit.
func contractsOf(ctx context.Context, root, commit, dir, name string) (map[string][]byte, error) {
	list, err := git(ctx, root, "ls-tree", "-r", "-z", "--name-only", commit, "--", dir)
	if err != nil {
		return nil, noRevision(name, err)
	}
	files := map[string][]byte{}
	for file := range strings.SplitSeq(string(list), "\x00") {
		if ok, _ := path.Match(path.Join(dir, "*", contract.FileName), file); !ok {
			continue
		}
		src, err := git(ctx, root, "show", commit+":"+file)
		if err != nil {
			return nil, noRevision(name, err)
		}
		files[name+":"+file] = src
	}
	return files, nil
}

// git runs git in dir and returns what it prints; the error is what it says.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			err = errors.New(said)
		}
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return stdout.Bytes(), nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// hostPrograms are the programs that the steps run, each with the Debian
// package that has it.
func hostPrograms() map[string]string {
	return map[string]string{
		"docker":      "docker.io",
		"dockerd":     "docker.io",
		"iptables":    "iptables",
		"debootstrap": "debootstrap",
		"skopeo":      "skopeo",
		"mvn":         "maven",
		"xz":          "xz-utils",
		"unshare":     "util-linux",
	}
}

// hostTools is the step that installs the programs that are missing.
func (s *site) hostTools() step {
	return step{
		name: "host tools", lane: assembling, expect: 20 * time.Second, disk: gib / 2, size: unsized,
		ready: func(context.Context) bool { return len(missingPackages()) == 0 },
		make: func(ctx context.Context, log io.Writer) error {
			packages := missingPackages()
			if _, err := exec.LookPath("apt-get"); err != nil {
				err := fmt.Errorf("missing: %s, and there is no apt-get to install them", strings.Join(packages, ", "))
				return &remedied{err: err, next: "install them by hand, then " + self + " up"}
			}
			env := []string{"DEBIAN_FRONTEND=noninteractive"}
			if _, err := s.exec(ctx, command{name: "apt-get", args: []string{"update"}, env: env, log: log}); err != nil {
				return err
			}
			args := append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
			_, err := s.exec(ctx, command{name: "apt-get", args: args, env: env, log: log})
			return err
		},
	}
}

func missingPackages() []string {
	var packages []string
	for program, pkg := range hostPrograms() {
		if _, err := exec.LookPath(program); err != nil && !slices.Contains(packages, pkg) {
			packages = append(packages, pkg)
		}
	}
	slices.Sort(packages)
	return packages
}

// checkMachine tells before any work what would make it fail half way.
func (s *site) checkMachine(ctx context.Context, p plan) error {
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		return fmt.Errorf("this is %s: the binaries fetched here are for linux/amd64", platform)
	}
	if os.Geteuid() != 0 {
		err := fmt.Errorf("airgap installs packages and starts dockerd: it must be root, not uid %d", os.Geteuid())
		return &remedied{err: err, next: "sudo -E env PATH=\"$PATH\" " + self + " up"}
	}
	free, err := freeDisk(s.cache.root)
	if err != nil {
		return err
	}
	return p.missing(ctx).checkDisk(free, s.cache.root)
}

// checkDisk compares what is free with what the steps take.
func (p plan) checkDisk(free int64, dir string) error {
	var need int64
	var names []string
	for _, st := range p {
		if st.disk > 0 {
			need += st.disk
			names = append(names, st.name)
		}
	}
	if free >= need {
		return nil
	}
	err := fmt.Errorf("%s are free at %s, %s are needed for: %s",
		bytesText(free), dir, bytesText(need), strings.Join(names, ", "))
	return &remedied{err: err, next: "free " + bytesText(need-free) + ", then " + self + " up"}
}

// freeDisk is what this user may still write to the file system of a folder.
func freeDisk(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for free space at %s: %w", dir, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// bytesText prints a size as a person would say it.
func bytesText(n int64) string {
	switch {
	case n >= gib:
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	case n > 0:
		return fmt.Sprintf("%.0f MiB", max(1, float64(n)/(1<<20)))
	}
	return "-"
}

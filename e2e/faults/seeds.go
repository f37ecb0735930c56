package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// seedsEmbedded is R2, a Go test: it needs no servers.
func seedsEmbedded(ctx context.Context, h *harness) (string, error) {
	args := []string{"test", "./onex", "-run", "TestSeeds$", "-v", "-count=1", "-timeout", "1h"}
	if !h.short {
		args = append(args, "-seeds=1000")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = h.root
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("--- FAIL: TestSeeds")) {
		return "", violatedf("%s", lastLines(string(out), 30))
	}
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, lastLines(string(out), 30))
	}
	told := regexp.MustCompile(`(?m)^\s+seeds\w*_test\.go:\d+: (.*)$`).FindAllSubmatch(out, -1)
	if len(told) == 0 {
		return "", fmt.Errorf("the test told no figure: nothing is proved\n%s", lastLines(string(out), 30))
	}
	return string(told[len(told)-1][1]), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contractOf writes a fleet of one node and returns its folder.
func contractOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	src, err := os.ReadFile(filepath.Join("..", "..", "nodes", "pricing", "contract.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	src = bytes.ReplaceAll(src, []byte("price-order:\n"), []byte("price-order:\n    external: true\n"))
	src = bytes.ReplaceAll(src, []byte("order-priced:\n"), []byte("order-priced:\n    external: true\n"))
	if err := create(filepath.Join(dir, "pricing", "contract.yaml"), src); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInterrupt cancels a command that waits for a server which never answers.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := silent.Accept(); err == nil {
			defer conn.Close()
			cancel()
		}
	}()
	var stdout, stderr bytes.Buffer
	none := func(string) (string, bool) { return "", false }
	url := "postgres://nobody@" + silent.Addr().String() + "/none?sslmode=disable"
	code := run(ctx, []string{"migrate", "up", "--nodes", contractOf(t), "--database-url", url}, none, &stdout, &stderr)
	if code != exitInterrupted || !strings.Contains(stderr.String(), codeInterrupted) {
		t.Errorf("exit code %d, want %d\n%s%s", code, exitInterrupted, stdout.String(), stderr.String())
	}
}

func TestCaretKeepsTabs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line   string
		column int
		want   string
	}{
		{"key: value", 6, "     ^"}, {"key", 1, "^"}, {"\tkey", 2, "\t^"}, {"é: x", 4, "   ^"}, {"x", 9, " ^"},
	} {
		if got := caret(tt.line, tt.column); got != tt.want {
			t.Errorf("caret(%q, %d) = %q, want %q", tt.line, tt.column, got, tt.want)
		}
	}
}

func TestHostileLinesMoveNoCursor(t *testing.T) {
	t.Parallel()
	if got := printable("a\x1b[2Jb\u009bc\td"); strings.ContainsAny(got, "\x1b\u009b") || !strings.Contains(got, "\t") {
		t.Errorf("printed as %q", got)
	}
}

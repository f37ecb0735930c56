package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the test binary does instead of testing when roleEnv is set.
const (
	roleEnv      = "EMBEDDED_TEST_ROLE"
	roleHold     = "hold"     // supervises a server until it is killed
	roleDownload = "download" // downloads into the folder that OMNINODE_CACHE names
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case roleHold:
		p, err := StartPostgres(context.Background(), PostgresConfig{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Pid(), p.dir.path)
		select {}
	case roleDownload:
		_, err := PostgresBinaries(context.Background(), os.Getenv("OMNINODE_CACHE"))
		fmt.Println(err)
	default:
		m.Run()
	}
}

func TestPostgresAnswers(t *testing.T) {
	t.Parallel()
	p, err := StartPostgres(t.Context(), PostgresConfig{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var version, fsync string
	err = conn.QueryRow(t.Context(), "SELECT current_setting('server_version'), current_setting('fsync')").Scan(&version, &fsync)
	if err != nil || !strings.HasPrefix(version, "17.") || fsync != "on" {
		t.Fatalf("version %q, fsync %q, %v; want 17, on", version, fsync, err)
	}
}

// TestPostgresDiesWithItsSupervisor kills the supervisor in a way it cannot handle.
func TestPostgresDiesWithItsSupervisor(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_URL")+os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("the server is not ours")
	}
	supervisor := exec.CommandContext(t.Context(), os.Args[0])
	supervisor.Env = append(os.Environ(), roleEnv+"="+roleHold)
	out, err := supervisor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 2 {
		t.Fatalf("the supervisor said %q, %v", line, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fields[1]) })
	pid := atoi(t, fields[0])
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the server does not run: %v", err)
	}
	if err := supervisor.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = supervisor.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = poll(ctx, 20*time.Millisecond, func() (bool, error) { return gone(pid), nil })
	if err != nil {
		t.Errorf("Postgres (pid %d) still runs 10s after its supervisor was killed", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// gone reports whether a process has ended; nobody may be there to reap it.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestPostgresBinariesNameTheWayOut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := PostgresBinaries(t.Context(), filepath.Join(file, "cache"))
	if err == nil || !strings.Contains(err.Error(), "OMNINODE_CACHE") {
		t.Errorf("PostgresBinaries below a file = %v, want OMNINODE_CACHE named", err)
	}
}

func TestPostgresDownloadImpossible(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) // apart: a process reads the proxy only once
	cmd.Env = append(os.Environ(), roleEnv+"="+roleDownload, "HTTPS_PROXY=http://127.0.0.1:1", "OMNINODE_CACHE="+cache)
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "set DATABASE_URL") {
		t.Errorf("PostgresBinaries without network: %s, %v; want DATABASE_URL named", out, err)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("a failed download leaves %v", left)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for tail, want := range map[string]string{
		`could not bind IPv4 address "127.0.0.1": Address already in use`: "port 5432, wanted for Postgres, is occupied",
		"could not write: No space left on device":                        "no space left on the disk",
		"version 16, which is not compatible with this version 17":        "remove it to start afresh",
		"anything else": "anything else",
	} {
		if got := explain(errors.New("exit 1"), tail, 5432).Error(); !strings.Contains(got, want) {
			t.Errorf("explain(%q) = %q, want %q in it", tail, got, want)
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

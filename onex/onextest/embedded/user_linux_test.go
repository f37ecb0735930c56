package embedded

import (
	"os"
	"syscall"
	"testing"
)

// TestPostgresAsNobody takes the way of a root that may not make user namespaces, as in a default
// container.
func TestPostgresAsNobody(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	bin, err := binaries(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := openWorkDir("", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{dir: dir}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	as, err := dropTo(t.Context(), bin, dir.path)
	if err != nil {
		t.Fatal(err)
	}
	password, err := initialise(t.Context(), as, dir.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.launch(t.Context(), as, PostgresConfig{}, password); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(as.data(dir.path))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != nobody {
		t.Errorf("the data belongs to %d, want %d", owner, nobody)
	}
}

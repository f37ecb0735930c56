package console

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func setup(t *testing.T, terminal bool, env map[string]string) (*Console, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	c := New(Config{W: &out, terminal: &terminal, Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	t.Cleanup(c.Close)
	return c, &out
}

func TestPlainOutput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out := setup(t, false, nil)
		build, other := c.Step("build"), c.Step("backends")
		build.Say("nodes")
		time.Sleep(6 * time.Second)
		_ = build.End(nil)
		_ = other.End(errors.New("broken\ndetails"))
		c.Step("dropped").Drop()
		c.Table("steps", append(c.Rows(), Row{Name: "x", Took: 30 * time.Second, Note: "note"}))
		c.Close()
		want := `... build 5.0s (nodes) · backends 5.0s
ok   build  6.0s
FAIL backends  6.0s  broken
steps
  ok   build        6.0s
  FAIL backends     6.0s
  ok   x             30s  note
`
		if out.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", out, want)
		}
	})
}

func TestTerminalHasALiveLineAndColours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, out := setup(t, true, nil)
		s := c.Step("build")
		time.Sleep(300 * time.Millisecond)
		_ = s.End(nil)
		c.Close()
		got := out.String()
		if !strings.Contains(got, "· build 0.20s\r\x1b[K") || !strings.HasSuffix(got, "\x1b[32mok  \x1b[0m build  0.30s\n") {
			t.Errorf("got %q", got)
		}
	})
}

func TestNoColor(t *testing.T) {
	t.Parallel()
	c, out := setup(t, true, map[string]string{"NO_COLOR": "1", "TERM": "dumb"})
	_ = c.Step("build").End(nil)
	c.Close()
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("escape sequences in %q", out)
	}
}

func TestQuietWritesOnlyWhatItIsTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := New(Config{W: &out, Quiet: true})
	_ = c.Step("build").End(nil)
	c.Print("only %s", "this")
	c.Close()
	if out.String() != "only this\n" {
		t.Errorf("got %q", out.String())
	}
}

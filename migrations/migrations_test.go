package migrations_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/omninode-ai/omninode/migrations"
)

func TestLatest(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fs.FS{"node": migrations.Node(), "fleet": migrations.Fleet()} {
		if v, err := migrations.Latest(f); err != nil || v == 0 {
			t.Errorf("%s: version %d, %v", name, v, err)
		}
	}
	v, err := migrations.Latest(fstest.MapFS{"00002_a.sql": nil, "00010_b.sql": nil, "readme.md": nil})
	if err != nil || v != 10 {
		t.Errorf("version %d, %v", v, err)
	}
	if _, err := migrations.Latest(fstest.MapFS{"first.sql": nil}); err == nil {
		t.Error("a migration without a number is accepted")
	}
}

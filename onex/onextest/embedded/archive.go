package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// PostgresVersion is the version of the embedded server's binaries.
const PostgresVersion = "17.5.0"

const (
	archiveNeedsBytes = 200 << 20
	dataNeedsBytes    = 200 << 20
)

// CacheDir returns where downloaded binaries are kept: OMNINODE_CACHE, else "omninode" in the
// user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("OMNINODE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w; set OMNINODE_CACHE", err)
	}
	return filepath.Join(dir, "omninode"), nil
}

// PostgresBinaries returns the folder of the unpacked binaries below cache, downloading them from
// the library's default repository when they are not there yet. A download that is killed leaves
// nothing that a later one would take for complete.
func PostgresBinaries(ctx context.Context, cache string) (string, error) {
	final := filepath.Join(cache, "postgres-"+PostgresVersion)
	if installed(final) {
		return final, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w; set OMNINODE_CACHE to a folder that can be written", err)
	}
	if err := requireDisk(cache, archiveNeedsBytes); err != nil {
		return "", err
	}
	staging, err := os.MkdirTemp(cache, ".postgres-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the download: %w", err)
	}
	fetched := make(chan error, 1)
	go func() {
		err := fetch(staging, final)
		fetched <- errors.Join(err, os.RemoveAll(staging))
	}()
	select {
	case err := <-fetched:
		return final, err
	case <-ctx.Done(): // the library's download cannot be interrupted; it ends by itself
		return "", fmt.Errorf("download Postgres %s: %w", PostgresVersion, ctx.Err())
	}
}

// fetch has the library download, verify and unpack the binaries below staging and moves them to
// final. The library's Start goes on to run initdb, which refuses root; a data path below a regular
// file makes it end before that, so what counts is whether the binaries are there.
func fetch(staging, final string) error {
	blocker := filepath.Join(staging, "blocker")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		return fmt.Errorf("prepare the download: %w", err)
	}
	port, err := choosePort(0)
	if err != nil {
		return err
	}
	unpacked := filepath.Join(staging, "binaries")
	err = embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(PostgresVersion).Port(uint32(port)).Logger(io.Discard).
		CachePath(filepath.Join(staging, "archive")).BinariesPath(unpacked).
		RuntimePath(filepath.Join(staging, "runtime")).DataPath(filepath.Join(blocker, "data"))).Start()
	if !installed(unpacked) {
		return fmt.Errorf("download Postgres %s: %w; without access to the repository set DATABASE_URL to a Postgres 17 server", PostgresVersion, err)
	}
	if err := os.Rename(unpacked, final); err != nil && !installed(final) {
		return fmt.Errorf("move the Postgres binaries into the cache: %w", err)
	}
	return nil
}

func installed(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "bin", "postgres"))
	return err == nil
}

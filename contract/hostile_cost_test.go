package contract

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// What refusing a hostile contract may cost.
const (
	maxTime  = 100 * time.Millisecond * slowdown
	maxAlloc = 64 << 20 // bytes allocated in all, which bounds those in use
)

// cost runs f a few times and returns the least that it took: the machine may be busy with something
// else, but never makes anything faster.
func cost(f func()) (took time.Duration, allocated uint64) {
	took = time.Hour
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		took = min(took, time.Since(start))
		runtime.ReadMemStats(&after)
		allocated = after.TotalAlloc - before.TotalAlloc
		if took <= maxTime && allocated <= maxAlloc {
			break
		}
	}
	return took, allocated
}

// TestHostileIsCheap measures what refusing hostile contracts takes.
//
//nolint:paralleltest // others would be measured with it
func TestHostileIsCheap(t *testing.T) {
	var slowest time.Duration
	var largest uint64
	for name, tc := range hostile() {
		took, allocated := cost(func() {
			if c, _ := Parse("contract.yaml", tc.src); c != nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if took > maxTime || allocated > maxAlloc {
			t.Errorf("%s: took %v and %d MiB, want at most %v and %d MiB", name, took, allocated>>20, maxTime, maxAlloc>>20)
		}
		slowest, largest = max(slowest, took), max(largest, allocated)
	}
	t.Logf("at most %v and %d MiB", slowest.Round(time.Millisecond), largest>>20)
}

// TestHostileFilesAreCheap does so with what is no proper file, from the disk: neither is it read, nor
// waited for.
//
//nolint:paralleltest // others would be measured with it
func TestHostileFilesAreCheap(t *testing.T) {
	dir := t.TempDir()
	place := func(name string) string {
		file := filepath.Join(dir, name, FileName)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		return file
	}
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	mustWrite(t, secret, "omninode: 1\n")
	for name, err := range map[string]error{
		"huge":      os.WriteFile(place("huge"), make([]byte, 10<<20), 0o600),
		"endless":   os.Symlink("/dev/zero", place("endless")),
		"pipe":      syscall.Mkfifo(place("pipe"), 0o600),
		"elsewhere": os.Symlink(secret, place("elsewhere")),
		"itself":    os.Symlink(FileName, place("itself")),
	} {
		if err != nil {
			t.Fatal(name, err)
		}
		took, allocated := cost(func() {
			if c, ds := Load(filepath.Join(dir, name, FileName)); c != nil || len(ds) == 0 {
				t.Errorf("%s: contract %v, diagnostics %v", name, c, ds)
			}
		})
		if took > maxTime || allocated > maxAlloc {
			t.Errorf("%s: took %v and %d MiB", name, took, allocated>>20)
		}
	}
	took, _ := cost(func() {
		if _, err := LoadFleet(dir); err == nil {
			t.Error("the fleet is accepted")
		}
	})
	if took > maxTime {
		t.Errorf("the fleet took %v", took)
	}
}

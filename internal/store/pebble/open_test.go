package pebble_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

func TestOpenRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, _ := mustOpen(t, dir, pebble.Options{}, store.MemoryRoot())
	_, err := pebble.Open(dir, pebble.Options{Log: quiet()})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second open = %v, want ErrLocked and the directory's name", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := pebble.Open(dir, pebble.Options{Log: quiet()})
	if err != nil {
		t.Fatalf("open after close = %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestExists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if there, err := pebble.Exists(path); there || err != nil {
			t.Errorf("%s exists = %v, %v, want false", path, there, err)
		}
	}
	db, _ := mustOpen(t, dir, pebble.Options{}, store.MemoryRoot())
	if there, err := pebble.Exists(dir); !there || err != nil {
		t.Errorf("a store exists = %v, %v, want true", there, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// A file that is gone, or a format of a later version, is told as such.
func TestOpenNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		harm func(dir string, names []string) error
		want error
		says string
	}{
		{"a missing data file", func(dir string, names []string) error {
			return os.Remove(filepath.Join(dir, named(names, ".sst")))
		}, store.ErrCorrupt, "restore it from a backup"},
		{"an empty manifest", func(dir string, names []string) error {
			return os.Truncate(filepath.Join(dir, named(names, "MANIFEST")), 0)
		}, store.ErrCorrupt, "restore it from a backup"},
		{"a later format", func(dir string, names []string) error {
			old := named(names, "marker.format-version")
			later := old[:strings.LastIndexByte(old, '.')+1] + "999"
			return os.Rename(filepath.Join(dir, old), filepath.Join(dir, later))
		}, store.ErrNewer, "a later one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, _ := mustOpen(t, dir, pebble.Options{}, store.MemoryRoot())
			if err := newLedger(1).step(t.Context(), db, 0); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			names, err := vfs.Default.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.harm(dir, names); err != nil {
				t.Fatal(err)
			}
			_, err = pebble.Open(dir, pebble.Options{Log: quiet()})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("open = %v, want %v, the directory and %q", err, tt.want, tt.says)
			}
		})
	}
}

func named(names []string, part string) string {
	for _, n := range names {
		if strings.Contains(n, part) {
			return n
		}
	}
	return "none"
}

// TestEmptyStoresAreSmall keeps a store that nobody uses cheap: a machine may
// serve thirty Regions.
func TestEmptyStoresAreSmall(t *testing.T) {
	const stores = 8
	before := heap()
	goroutines := runtime.NumGoroutine()
	for range stores {
		db, _ := mustOpen(t, t.TempDir(), pebble.Options{}, store.MemoryRoot())
		t.Cleanup(func() { _ = db.Close() })
	}
	each := (heap() - before) / stores
	t.Logf("an empty store takes %d KiB and %d goroutines", each>>10, (runtime.NumGoroutine()-goroutines)/stores)
	if each > 4<<20 {
		t.Errorf("an empty store takes %d KiB of heap, want at most 4 MiB", each>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

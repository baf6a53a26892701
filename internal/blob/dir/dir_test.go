package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/blob/dir"
	"github.com/garrison-cloud/garrison/internal/store"
)

func id() blob.ID { return blob.NewID(time.Unix(1_700_000_000, 0)) }

// TestModes closes a directory that others may read, and lets nobody read a body.
func TestModes(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	if _, err := dir.Open(open); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a directory that others could read has mode %v, %v; want 0700", info.Mode(), err)
	}
	root := filepath.Join(t.TempDir(), "blobs")
	d, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	n := id()
	w, err := d.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	name := n.String()
	info, err := os.Stat(filepath.Join(root, name[30:], name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode = %v, %v; want 0600", info.Mode(), err)
	}
}

// TestFullDisk fills a small file system: the error is the store's own, and nothing is
// left behind.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", root, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(root, 0) })
	d, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(t.Context(), id())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 2<<20))
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("writing to a full disk = %v, want ErrFull", err)
	}
	w.Abort()
	w, err = d.Create(t.Context(), id())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 512<<10)); err != nil {
		t.Errorf("after the abort there is no space: %v", err)
	}
	w.Abort()
}

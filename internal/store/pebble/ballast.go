package pebble

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
)

// defaultBallast covers the log records under way and one round of the buffers'
// files: four times the write buffer.
const defaultBallast = 4 * memTable

// A ballast is a file of reserved space. When the disk fills it is given up, so
// that the write which met the end succeeds after all and the log never breaks;
// the store then takes no writes until there is room for a new one.
type ballast struct {
	fs   vfs.FS
	dir  string
	path string
	size int64
	gone atomic.Bool
}

func newBallast(on vfs.FS, dir string, o Options) *ballast {
	size := o.Ballast
	if size == 0 && on == vfs.Default {
		size = defaultBallast
	}
	return &ballast{fs: on, dir: dir, path: on.PathJoin(dir, "ballast"), size: size}
}

func (b *ballast) spent() bool { return b.gone.Load() }

// release is called by the file system watch, which then tries the write again.
func (b *ballast) release() {
	b.gone.Store(true)
	_ = b.fs.Remove(b.path) // without it the write fails again and the engine stops
}

// ready returns ErrFull until the reserve is back in place.
func (b *ballast) ready() error {
	if !b.gone.Load() {
		return nil
	}
	if free, err := b.fs.GetDiskUsage(b.dir); err == nil && free.AvailBytes < uint64(2*b.size) { //nolint:gosec // a size, never negative
		return fmt.Errorf("store %s: %w: %d MiB are free, %d MiB are needed", b.dir, store.ErrFull, free.AvailBytes>>20, 2*b.size>>20)
	}
	b.fill()
	if b.gone.Load() {
		return fmt.Errorf("store %s: %w", b.dir, store.ErrFull)
	}
	return nil
}

// fill reserves the space anew: the file's size doesn't tell whether its blocks
// are still there. A disk too full at start is met like one that fills later.
func (b *ballast) fill() {
	b.gone.Store(false) // first, so that a release meanwhile is not forgotten
	if b.size == 0 {
		return
	}
	err := b.reserve()
	if errors.Is(err, syscall.ENOSPC) {
		b.release()
	} else if err != nil {
		b.size = 0 // the file system can't reserve: a full disk then stops the engine
	}
}

func (b *ballast) reserve() error {
	f, err := b.fs.Create(b.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Preallocate(0, b.size), f.Close())
}

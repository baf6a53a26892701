package pebble

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A fence stands between the library and the disk. It notes the first error of a
// write-ahead log or of a directory's sync, by which the engine stops, and keeps
// it from the library, which would panic with its locks half undone. From then on
// it lets no change through, so nothing that rests on the lost sync is written,
// and no old file removed: logs go on as if, and whoever changes another file,
// which only the library's background work does, waits for the process to end.
// An error would have it try again for ever.
//
// Commit asks whether the engine has stopped after each sync and before it
// acknowledges, so nothing kept back is ever promised.
type fence struct {
	vfs.FS
	fail func(error) error
	down atomic.Bool
}

var errDown = errors.New("the store has stopped")

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// note stops the engine and returns nil, for the library to go on.
func (l *fence) note(err error) error {
	if err != nil {
		l.down.Store(true)
		_ = l.fail(err)
	}
	return nil
}

// change makes one change unless the engine has stopped.
func (l *fence) change(quiet bool, do func() error) error {
	switch {
	case !l.down.Load():
		return do()
	case quiet:
		return errDown
	}
	select {}
}

// Create makes a file. One in memory stands in for a log that can't be made.
func (l *fence) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = l.change(isLog(name), func() error { f, err = l.FS.Create(name, c); return err })
	return l.file(name, f, err)
}

// ReuseForWrite is Create for a log file that is recycled.
func (l *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = l.change(isLog(to), func() error { f, err = l.FS.ReuseForWrite(from, to, c); return err })
	return l.file(to, f, err)
}

func (l *fence) file(name string, f vfs.File, err error) (vfs.File, error) {
	switch {
	case err == nil:
		return &fencedFile{File: f, fence: l, quiet: isLog(name)}, nil
	case isLog(name):
		_ = l.note(err)
		return vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified)
	}
	return nil, err
}

// OpenDir opens a directory to sync it.
func (l *fence) OpenDir(name string) (vfs.File, error) {
	f, err := l.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: f, fence: l, quiet: true}, nil
}

// Remove removes a file.
func (l *fence) Remove(name string) error {
	return l.change(false, func() error { return l.FS.Remove(name) })
}

// Rename renames a file.
func (l *fence) Rename(from, to string) error {
	return l.change(false, func() error { return l.FS.Rename(from, to) })
}

// Link gives a file a second name.
func (l *fence) Link(from, to string) error {
	return l.change(false, func() error { return l.FS.Link(from, to) })
}

// Unwrap tells the library what lies below.
func (l *fence) Unwrap() vfs.FS { return l.FS }

// A fencedFile is a file or directory behind the fence. A quiet one keeps its
// errors from the library.
type fencedFile struct {
	vfs.File
	fence *fence
	quiet bool
}

func (f *fencedFile) do(op func() error) error {
	err := f.fence.change(f.quiet, op)
	switch {
	case !f.quiet:
		return err
	case errors.Is(err, errDown):
		return nil
	}
	return f.fence.note(err)
}

func (f *fencedFile) Write(p []byte) (n int, err error) {
	err = f.do(func() error { n, err = f.File.Write(p); return err })
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *fencedFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.do(func() error { n, err = f.File.WriteAt(p, at); return err })
	if err == nil {
		n = len(p)
	}
	return n, err
}

func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}

func (f *fencedFile) Sync() error     { return f.do(f.File.Sync) }
func (f *fencedFile) SyncData() error { return f.do(f.File.SyncData) }

func (f *fencedFile) Preallocate(offset, length int64) error {
	return f.do(func() error { return f.File.Preallocate(offset, length) })
}

// Close closes the file in any case. An error of a quiet file's close may be one
// of its last write.
func (f *fencedFile) Close() error {
	err := f.File.Close()
	if f.quiet {
		return f.fence.note(err)
	}
	return err
}

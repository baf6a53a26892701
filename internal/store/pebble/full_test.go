package pebble_test

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// A smallDisk has room for a number of bytes. What doesn't fit is cut short, as
// a real disk does it.
type smallDisk struct {
	vfs.FS
	room     atomic.Int64
	reserved atomic.Int64 // by the ballast
}

type smallFile struct {
	vfs.File
	disk *smallDisk
}

func (d *smallDisk) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &smallFile{File: f, disk: d}, nil
}

func (d *smallDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.Create(name, c))
}

func (d *smallDisk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(d.FS.ReuseForWrite(from, to, c))
}

func (d *smallDisk) Remove(name string) error {
	if d.PathBase(name) == "ballast" {
		d.room.Add(d.reserved.Swap(0))
	}
	return d.FS.Remove(name)
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(max(0, d.room.Load()))}, nil
}

func (f *smallFile) Preallocate(_, n int64) error {
	if f.disk.room.Load() < n {
		return syscall.ENOSPC
	}
	f.disk.room.Add(-n)
	f.disk.reserved.Add(n)
	return nil
}

func (f *smallFile) Write(p []byte) (int, error) {
	if left := f.disk.room.Add(-int64(len(p))); left < 0 {
		fits := max(0, int64(len(p))+left)
		f.disk.room.Store(0)
		n, err := f.File.Write(p[:fits])
		return n, cmp.Or(err, error(syscall.ENOSPC))
	}
	return f.File.Write(p)
}

func smallDiskOf(fs vfs.FS, room int64) *smallDisk {
	d := &smallDisk{FS: fs}
	d.room.Store(room)
	return d
}

// The disk fills at each of many points of a run. The store must become
// read-only without losing what it acknowledged, serve reads, and take writes
// again once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	root := store.MemoryRoot()
	recovered := 0
	for room := int64(1 << 20); room < 1<<20+200_000; room += 2311 {
		fs, l := vfs.NewCrashableMem(), newLedger(totalSlots)
		disk := smallDiskOf(fs, room)
		db, e, err := openOn("data", pebble.Options{FS: disk, Ballast: 1 << 20}, root)
		if err != nil {
			continue // too little room to make a store at all, and it said so
		}
		if fillDisk(t, db, e, l) {
			recovered++
			disk.room.Add(64 << 20)
			if err := l.step(context.Background(), db, 0); err != nil {
				t.Errorf("room for %d bytes: a write after space returned: %v", room, err)
			}
		}
		acked := l.copyAcked()
		if err := db.Close(); err != nil {
			t.Errorf("room for %d bytes: close: %v", room, err)
		}
		db, _ = mustOpen(t, "data", pebble.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})}, root)
		lost, torn, err := l.check(db, acked)
		if err != nil || lost != 0 || torn != 0 {
			t.Errorf("room for %d bytes: %d acknowledged writes lost, %d torn, %v", room, lost, torn, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if recovered == 0 {
		t.Error("the disk never filled: the test shows nothing")
	}
	t.Logf("the disk filled and had room again %d times", recovered)
}

// fillDisk writes until the store says that the disk is full.
func fillDisk(t *testing.T, db *store.DB, e *pebble.Engine, l *ledger) bool {
	t.Helper()
	for i := range 400 {
		err := l.step(context.Background(), db, i%totalSlots)
		if err == nil {
			if i%50 == 49 {
				_ = e.Flush()
			}
			continue
		}
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("write %d on a full disk = %v, want ErrFull", i, err)
		}
		if !db.Stats().ReadOnly {
			t.Error("the disk is full and the figures don't say so")
		}
		err = db.View(context.Background(), func(tx *store.Tx) error {
			_, err := number(tx, entries, 1)
			return err
		})
		if err != nil {
			t.Errorf("read on a full disk = %v", err)
		}
		return true
	}
	return false
}

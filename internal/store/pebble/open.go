package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Options tune an Engine. The zero value is right for a store of its own.
type Options struct {
	FS      vfs.FS        // nil: the machine's
	Cache   *pebble.Cache // blocks, shared by several stores; nil: one of 32 MiB, filled as blocks are read
	Log     *slog.Logger  // nil: slog.Default()
	Ballast int64         // bytes kept free for a full disk, see ballast; 0: 16 MiB on a real disk

	unsafeNoSync bool
}

const (
	// memTable is small on purpose: small log files are soon recycled, and a sync
	// of a recycled file overwrites blocks that the file system already knows,
	// which costs a third of one that makes the file longer.
	memTable     = 4 << 20
	ownCache     = 32 << 20
	maxOpenFiles = 256
	format       = pebble.FormatTableFormatV6
)

// NewCache returns a block cache of the given bytes for Options. Release it with
// Unref after the stores have been opened.
func NewCache(size int64) *pebble.Cache { return pebble.NewCache(size) }

// Open opens the store in dir, and makes it if dir is empty or absent. It fails
// with store.ErrLocked, ErrNewer or ErrCorrupt, each saying which directory and
// what to do.
func Open(dir string, o Options) (*Engine, error) {
	e := newEngine(dir, o)
	if err := e.fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, e.fs)
	if err != nil {
		return nil, lockError(dir, err)
	}
	e.lock = lock
	if err := e.open(o); err != nil {
		if e.cache != nil && e.stopped() == nil {
			e.cache.Unref()
		}
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

// OpenMemory returns an engine that lives and ends with the process.
func OpenMemory() (*Engine, error) {
	return Open("memory", Options{FS: vfs.NewMem()})
}

// Exists reports whether dir holds a store, so that a caller knows whether a
// root key may be made or must be there.
func Exists(dir string) (bool, error) {
	names, err := vfs.Default.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, n := range names {
		if strings.HasPrefix(n, "MANIFEST-") || strings.HasSuffix(n, ".log") || strings.HasSuffix(n, ".sst") {
			return true, nil
		}
	}
	return false, err
}

func newEngine(dir string, o Options) *Engine {
	e := &Engine{
		dir: dir, fs: o.FS, log: o.Log, unsafe: o.unsafeNoSync,
		turn: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	if e.fs == nil {
		e.fs = vfs.Default
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	e.ballast = newBallast(e.fs, dir, o)
	return e
}

// open waits for a flush of what the log held, which a failing disk may end.
func (e *Engine) open(o Options) error {
	if err := e.checkLog(); err != nil {
		return openError(e.dir, err)
	}
	opts := e.libraryOptions(o)
	err := e.unlessStopped(func() error {
		db, err := pebble.Open(e.dir, opts)
		e.db = db
		return err
	})
	if err = errors.Join(err, e.stopped()); err != nil {
		return openError(e.dir, err)
	}
	if err := e.readRevision(); err != nil {
		return openError(e.dir, errors.Join(err, e.db.Close()))
	}
	e.ballast.fill()
	return nil
}

func (e *Engine) libraryOptions(o Options) *pebble.Options {
	cache := o.Cache
	if cache == nil {
		cache = pebble.NewCache(ownCache)
		e.cache = cache
	}
	opts := &pebble.Options{
		FS:                          &fence{FS: vfs.OnDiskFull(e.fs, e.ballast.release), fail: e.fail},
		Lock:                        e.lock,
		Cache:                       cache,
		FormatMajorVersion:          format,
		Logger:                      logger{e},
		EventListener:               e.listener(),
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                maxOpenFiles,
		L0CompactionThreshold:       2,
		LBaseMaxBytes:               32 << 20,
	}
	opts.Experimental.FileCacheShards = 1                                                                  // each shard is a goroutine
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone }) // sealed bytes don't compress
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

func lockError(dir string, err error) error {
	busy := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "held by current process")
	if !busy {
		return fmt.Errorf("lock the store %s: %w", dir, err)
	}
	return fmt.Errorf("store %s is open in another garrison process: stop that one, or give this one a directory of its own: %w",
		dir, store.ErrLocked)
}

func openError(dir string, err error) error {
	switch err := translate(err); {
	case errors.Is(err, store.ErrNewer):
		return fmt.Errorf("store %s: %w; start the version that wrote it or a later one", dir, err)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("store %s: %w; its files are as they were found, restore it from a backup", dir, err)
	default:
		return fmt.Errorf("open store %s: %w", dir, err)
	}
}

// translate puts the store's error in front of the library's, whose text names the file.
func translate(err error) error {
	switch {
	case err == nil || errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrFull):
		return err
	case pebble.IsCorruptionError(err), errors.Is(err, fs.ErrNotExist), strings.Contains(err.Error(), "name from file"):
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case strings.Contains(err.Error(), "format major version"):
		return fmt.Errorf("%w: %w", store.ErrNewer, err)
	}
	return err
}

// damaged translates an error of a read.
func (e *Engine) damaged(err error) error {
	return fmt.Errorf("read store %s: %w", e.dir, translate(err))
}

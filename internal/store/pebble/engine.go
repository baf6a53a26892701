// Package pebble keeps a store in one local directory, by way of the Pebble
// library. It is the default engine.
//
// Writers run one after another, so every transaction is serializable; their
// syncs overlap, so sixteen writers share a few. A commit is seen by others
// before it is on disk, and so no reader returns before all that it saw is
// (the durability barrier). It refuses to open a directory that another process
// holds, that a newer version wrote or that is damaged, and after an error of
// the write-ahead log it refuses everything: a second fsync could report
// success for pages that the first one lost.
//
// Flow: lock → batch → apply → unlock → wait for the sync, in tx.go.
package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Engine implements store.Engine. Its methods are safe for concurrent use.
type Engine struct {
	db      *pebble.DB
	dir     string
	fs      vfs.FS // beneath the watch for a full disk
	lock    *pebble.Lock
	cache   *pebble.Cache // ours to release, or nil
	log     *slog.Logger
	ballast *ballast
	unsafe  bool // never waits for a sync: only for the test that must lose data

	turn    chan struct{} // holds a token while a writer is at work
	applied atomic.Uint64 // newest visible revision; written with turn held
	strict  atomic.Uint64 // newest revision whose committer waits for the disk
	synced  atomic.Uint64 // newest durable revision

	mu     sync.Mutex    // guards the fields below; the library may call back for it, so never call the library with it
	moved  chan struct{} // closed and replaced when synced, failed or closed changes
	failed error
	closed bool
	live   sync.WaitGroup // open transactions

	snaps  sync.Mutex // guards shared and the users of snapshots; unlike mu it may be held across the library's locks
	shared *snapshot  // of the newest revision, or nil
}

var _ store.Engine = (*Engine)(nil)

// keyRevision holds the newest revision. It lies in the engine's own space.
var keyRevision = []byte{0, 'r'}

// Name returns the directory.
func (e *Engine) Name() string { return e.dir }

// Begin starts a transaction, see store.Engine.
func (e *Engine) Begin(ctx context.Context, write bool) (store.EngineTx, error) {
	if !write {
		return e.beginRead()
	}
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	tx, err := e.beginWrite()
	if err != nil {
		<-e.turn
		return nil, err
	}
	return tx, nil
}

// enter counts a transaction in, so that Close waits for it.
func (e *Engine) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(); err != nil {
		return err
	}
	e.live.Add(1)
	return nil
}

// usable needs mu.
func (e *Engine) usable() error {
	if e.closed {
		return fmt.Errorf("store %s: %w", e.dir, store.ErrClosed)
	}
	return e.failed
}

// fail stops the engine for good. The first cause is kept.
func (e *Engine) fail(cause error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = fmt.Errorf("store %s has stopped after a disk error and must be opened anew: %w", e.dir, translate(cause))
		e.log.Error("store stopped", "store", e.dir, "error", cause)
		e.wake()
	}
	return e.failed
}

// wake needs mu.
func (e *Engine) wake() {
	close(e.moved)
	e.moved = make(chan struct{})
}

// advance notes that all revisions up to rev are durable: the log is written and
// synced in order, so a later record's sync covers the earlier ones. It fails if
// the engine has stopped meanwhile, since the sync may then have been kept back.
func (e *Engine) advance(rev uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return e.failed
	}
	if rev > e.synced.Load() {
		e.synced.Store(rev)
		e.wake()
	}
	return nil
}

// stopped returns why the engine has failed, or nil.
func (e *Engine) stopped() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// await returns once rev is durable, or with an error once it never will be.
func (e *Engine) await(ctx context.Context, rev uint64) error {
	for e.synced.Load() < rev {
		e.mu.Lock()
		moved, err := e.moved, e.usable()
		e.mu.Unlock()
		if err != nil {
			return err
		}
		if e.synced.Load() >= rev {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Durable waits for a revision past the given one, see store.Engine.
func (e *Engine) Durable(ctx context.Context, past store.Rev) (store.Rev, error) {
	if err := e.await(ctx, past.Lo+1); err != nil {
		return store.Rev{}, err
	}
	return store.Rev{Lo: e.synced.Load()}, nil
}

// Sync waits until all that is visible now is durable.
func (e *Engine) Sync(context.Context) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.live.Done()
	rev := e.applied.Load()
	if rev <= e.synced.Load() {
		return nil
	}
	if err := e.guard(func() error { return e.db.LogData([]byte{0}, pebble.Sync) }); err != nil {
		return e.fail(err)
	}
	return e.advance(rev)
}

// Stats returns the engine's figures.
func (e *Engine) Stats() store.EngineStats {
	if e.enter() != nil {
		return store.EngineStats{}
	}
	defer e.live.Done()
	m := e.db.Metrics()
	return store.EngineStats{
		DiskBytes:   m.DiskSpaceUsage(),
		MemoryBytes: m.MemTable.Size + m.MemTable.ZombieSize + uint64(m.BlockCache.Size), //nolint:gosec // a size, never negative
		Applied:     store.Rev{Lo: e.applied.Load()},
		Durable:     store.Rev{Lo: e.synced.Load()},
		ReadOnly:    e.ballast.spent(),
	}
}

// Close waits for open transactions, syncs what is left and lets go of the
// directory. After a failure the directory stays locked until the process ends,
// because the library's own goroutines may still be writing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	failed := e.failed
	e.wake()
	e.mu.Unlock()
	e.live.Wait()
	if failed != nil {
		return failed
	}
	return e.shut()
}

func (e *Engine) shut() error {
	e.renew()
	flush := e.unlessStopped(e.db.Flush) // blocks have checksums to their last byte, and a log's end has not
	if err := e.stopped(); err != nil {
		return err
	}
	err := e.unlessStopped(e.db.Close)
	if e.cache != nil {
		e.cache.Unref()
	}
	return errors.Join(flush, err, e.lock.Close())
}

// unlessStopped makes a call that waits for the library's own goroutines, of
// which a failing engine ends some: then it returns without them.
func (e *Engine) unlessStopped(call func() error) error {
	done := make(chan error, 1)
	go func() { done <- e.guard(call) }()
	for {
		e.mu.Lock()
		moved, failed := e.moved, e.failed
		e.mu.Unlock()
		if failed != nil {
			return failed
		}
		select {
		case err := <-done:
			return err
		case <-moved:
		}
	}
}

func (e *Engine) readRevision() error {
	b, err := e.get(e.db, nil, keyRevision)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || len(b) != 8 {
		return errors.Join(store.ErrCorrupt, err)
	}
	rev := binary.BigEndian.Uint64(b)
	e.applied.Store(rev)
	e.strict.Store(rev)
	e.synced.Store(rev)
	return nil
}

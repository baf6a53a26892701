package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/garrison-cloud/garrison/internal/store"
)

// reader is what snapshots and indexed batches have in common.
type reader interface {
	Get(key []byte) ([]byte, io.Closer, error)
	NewIter(o *pebble.IterOptions) (*pebble.Iterator, error)
}

// tx is a reading transaction, or with a batch a writing one.
type tx struct {
	e      *Engine
	read   reader
	shared *snapshot
	batch  *pebble.Batch
	rev    uint64
	seen   uint64 // durable before the barrier lets go
	done   bool
}

func (e *Engine) beginRead() (store.EngineTx, error) {
	s, err := e.read()
	if err != nil {
		return nil, err
	}
	return &tx{e: e, read: s.snap, shared: s, rev: s.rev, seen: s.seen}, nil
}

// beginWrite needs the turn.
func (e *Engine) beginWrite() (*tx, error) {
	if err := e.ballast.ready(); err != nil {
		return nil, err
	}
	if err := e.enter(); err != nil {
		return nil, err
	}
	b := e.db.NewIndexedBatch()
	return &tx{e: e, read: b, batch: b, rev: e.applied.Load() + 1, seen: e.strict.Load()}, nil
}

func (t *tx) Rev() store.Rev         { return store.Rev{Lo: t.rev} }
func (t *tx) Lock(store.Scope) error { return nil } // one writer: nothing to conflict with

func (t *tx) Get(dst, key []byte) ([]byte, error) { return t.e.get(t.read, dst, key) }

func (e *Engine) get(r reader, dst, key []byte) ([]byte, error) {
	val, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, store.ErrNotFound
	}
	if err != nil {
		return dst, e.damaged(err)
	}
	dst = append(dst, val...)
	return dst, closer.Close()
}

func (t *tx) Scan(b store.Bounds) iter.Seq2[store.KV, error] {
	return func(yield func(store.KV, error) bool) {
		if b.Hi != nil && bytes.Compare(b.Lo, b.Hi) >= 0 {
			return
		}
		it, err := t.read.NewIter(&pebble.IterOptions{LowerBound: b.Lo, UpperBound: b.Hi})
		if err != nil {
			yield(store.KV{}, t.e.damaged(err))
			return
		}
		more := walk(it, b.Reverse, yield)
		if err := errors.Join(it.Error(), it.Close()); err != nil && more {
			yield(store.KV{}, t.e.damaged(err))
		}
	}
}

// walk reports whether the iteration came to its end by itself.
func walk(it *pebble.Iterator, reverse bool, yield func(store.KV, error) bool) bool {
	start, step := it.First, it.Next
	if reverse {
		start, step = it.Last, it.Prev
	}
	for ok := start(); ok; ok = step() {
		val, err := it.ValueAndErr()
		if err != nil {
			return true // the iterator keeps the error
		}
		if !yield(store.KV{Key: it.Key(), Value: val}, nil) {
			return false
		}
	}
	return true
}

func (t *tx) Put(key, value []byte) error {
	if t.batch == nil {
		return store.ErrReadOnly
	}
	return t.batch.Set(key, value, nil)
}

func (t *tx) Delete(key []byte) error {
	if t.batch == nil {
		return store.ErrReadOnly
	}
	return t.batch.Delete(key, nil)
}

func (t *tx) DeleteRange(lo, hi []byte) error {
	if t.batch == nil {
		return store.ErrReadOnly
	}
	return t.batch.DeleteRange(lo, hi, nil)
}

// Commit applies the batch, lets the next writer in, and only then waits for
// the disk, so that the syncs of many writers fall together.
func (t *tx) Commit(sync bool) error {
	if t.batch == nil {
		return store.ErrReadOnly
	}
	if t.batch.Empty() {
		t.Discard()
		return t.Barrier(context.Background())
	}
	sync = sync && !t.e.unsafe
	err := t.apply(sync)
	t.done = true
	<-t.e.turn
	defer t.e.live.Done()
	if err != nil {
		return err
	}
	if sync {
		if err := t.batch.SyncWait(); err != nil {
			return t.e.fail(err)
		}
	}
	if sync || t.e.unsafe {
		if err := t.e.advance(t.rev); err != nil {
			return err
		}
	}
	return t.batch.Close()
}

// apply needs the turn. The revisions move before the batch is visible, see read.
func (t *tx) apply(sync bool) error {
	e := t.e
	if err := t.batch.Set(keyRevision, binary.BigEndian.AppendUint64(nil, t.rev), nil); err != nil {
		return err
	}
	if err := e.stopped(); err != nil {
		return err
	}
	if sync {
		e.strict.Store(t.rev)
	}
	err := e.guard(func() error {
		if sync {
			return e.db.ApplyNoSyncWait(t.batch, pebble.Sync)
		}
		return e.db.Apply(t.batch, pebble.NoSync)
	})
	if err != nil {
		return e.fail(err)
	}
	e.applied.Store(t.rev)
	e.renew()
	return nil
}

func (t *tx) Discard() {
	if t.done {
		return
	}
	t.done = true
	if t.batch != nil {
		_ = t.batch.Close() // nothing was applied, so there's nothing to lose
		<-t.e.turn
	} else {
		t.e.release(t.shared)
	}
	t.e.live.Done()
}

func (t *tx) Barrier(ctx context.Context) error {
	if t.e.synced.Load() >= t.seen {
		return nil
	}
	return t.e.await(ctx, t.seen)
}

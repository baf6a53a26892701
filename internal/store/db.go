// Package store keeps a Region's state: rows in typed tables, in order, under
// transactions that are strictly serializable and survive loss of power.
//
// Every stored value is sealed; there is no way to store one in the clear, and
// a value moved to another key, table or store does not open. It refuses a store
// that another root key made, that a newer version wrote or that is damaged.
// Keys, sizes and the pattern of access are not hidden, and whoever can put back
// an older copy of the whole store can undo history.
//
// Flow: Update → fn(Tx) → Table writes row, indexes and expiry → sealed pairs →
// Engine commits → Watch. The engines are in packages below this one.
//
// # What a function given to Update or View may do
//
// It may run again, so it has no effect but through its Tx: no I/O, no clock but
// Tx.Now, no randomness of its own (make ids and key material before), and it
// starts no transaction of its own, which would wait for itself for ever.
//
// # Conflict scopes
//
// On an engine with many writers a transaction conflicts with others by (table,
// first part of the key), which by convention is the account. The first touch of
// such a scope in an Update locks it. Begin keys with the account, and two
// accounts never wait for each other; a Scan without a first part locks its whole
// table.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Limits, the same on every engine.
const (
	MaxKey     = 2 << 10         // bytes of one encoded key
	MaxValue   = 1 << 20         // bytes of one encoded row; larger bodies belong to package blob
	MaxTxBytes = 8 << 20         // bytes that one Update writes
	MaxTxKeys  = 10_000          // keys that one Update writes, indexes included
	MaxTxTime  = 5 * time.Second // of one run of an Update's function
	maxTries   = 16              // runs of an Update that keeps losing against others
)

// Options say how a DB is to be opened. Root and Clock are required.
type Options struct {
	Root  Root        // wraps the store's data keys
	Clock clock.Clock // tells what has expired
	Name  string      // in messages; empty: the engine's name

	// BeforeCommit runs at the end of each Update and Append whose function
	// succeeded, those of leases and sweeps too, in the same transaction; its error
	// aborts it. Like the function it may run again.
	BeforeCommit func(ctx context.Context, tx *Tx) error

	// Rehearse runs each function of an Update once for nothing before it counts,
	// to show that it may run again. It is for tests.
	Rehearse bool
}

// A DB is one Region's state, or the one that all Regions share. Its methods are
// safe for concurrent use.
type DB struct {
	engine Engine
	opts   Options
	head   header
	ring   keyring
	tables sync.Map // *Table[T] → *bound[T]
	names  sync.Map // name → *bound[T], also a sweeper
	closed atomic.Bool
}

// Open takes over the engine and makes the store in it if it is empty. It fails
// with ErrWrongRoot, ErrNewer or ErrCorrupt; the engine then stays the caller's.
func Open(e Engine, o Options) (*DB, error) {
	if o.Root == nil || o.Clock == nil {
		return nil, errors.New("open store: a root key and a clock are needed")
	}
	if o.Name == "" {
		o.Name = e.Name()
	}
	db := &DB{engine: e, opts: o}
	if err := db.openHeader(context.Background()); err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Name, err)
	}
	return db, nil
}

// Name returns the store's name as messages show it.
func (db *DB) Name() string { return db.opts.Name }

// View runs fn on a snapshot, and returns once all that fn can have seen is
// durable, but for what Append has written since the last sync. Rows of a
// Cached table may be shared: fn must not change them.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	etx, err := db.engine.Begin(ctx, false)
	if err != nil {
		return err
	}
	defer etx.Discard()
	err = fn(&Tx{ctx: ctx, db: db, etx: etx, now: db.opts.Clock.Now()})
	return settle(ctx, etx, err)
}

// Update runs fn in a writing transaction and returns once its writes are
// durable. If fn fails nothing is written. Update fails with ErrConflict only
// after several tries. When it fails in the wait for the disk, the outcome is
// open: the writes may or may not be there after the next start.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	return db.write(ctx, fn, true)
}

// Append is Update without the wait for the disk: the writes are visible when it
// returns and durable after the next Sync or Update. Loss of power may take the
// newest ones, never older ones without the newer.
func (db *DB) Append(ctx context.Context, fn func(*Tx) error) error {
	return db.write(ctx, fn, false)
}

// Sync waits until everything that is visible now is durable.
func (db *DB) Sync(ctx context.Context) error { return db.engine.Sync(ctx) }

// Stats returns the engine's figures.
func (db *DB) Stats() EngineStats { return db.engine.Stats() }

// Close ends the store and its engine, after the transactions that are under way.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	return db.engine.Close()
}

// write tries until fn's transaction commits or fails for a reason of its own. A
// table's data key is made between two tries, because wrapping it may take the
// root key's device a while, and writers must not wait for that.
func (db *DB) write(ctx context.Context, fn func(*Tx) error, sync bool) error {
	for try := 1; ; try++ {
		keyless, err := db.attempt(ctx, fn, sync)
		switch {
		case keyless != "":
			if err := db.makeDataKey(ctx, keyless); err != nil {
				return err
			}
		case errors.Is(err, ErrConflict) && try < maxTries && ctx.Err() == nil:
		default:
			return err
		}
	}
}

// attempt runs fn once, or twice to rehearse. It names a table for which there
// is no data key yet, in which case nothing has been written.
func (db *DB) attempt(ctx context.Context, fn func(*Tx) error, sync bool) (keyless string, err error) {
	etx, err := db.engine.Begin(ctx, true)
	if err != nil {
		return "", err
	}
	defer func() { etx.Discard() }()
	if db.opts.Rehearse {
		if tx, err := db.run(ctx, etx, fn); err != nil || tx.keyless != "" {
			return tx.keyless, settle(ctx, etx, err)
		}
		etx.Discard()
		if etx, err = db.engine.Begin(ctx, true); err != nil {
			return "", err
		}
	}
	tx, err := db.run(ctx, etx, fn)
	if err != nil || tx.keyless != "" {
		return tx.keyless, settle(ctx, etx, err)
	}
	return "", etx.Commit(sync)
}

// settle ends a transaction that writes nothing. It waits until what fn can have
// seen is durable, its error too: that may tell of a row. fn's own error is
// returned as it is, since callers look at its type.
func settle(ctx context.Context, etx EngineTx, err error) error {
	etx.Discard() // before the wait, so that the snapshot holds nothing back
	if late := etx.Barrier(ctx); late != nil {
		return errors.Join(err, late)
	}
	return err
}

func (db *DB) run(ctx context.Context, etx EngineTx, fn func(*Tx) error) (*Tx, error) {
	limited, cancel := context.WithTimeoutCause(ctx, MaxTxTime, fmt.Errorf("a transaction may take %s: %w", MaxTxTime, ErrTooLarge))
	defer cancel()
	tx := &Tx{ctx: limited, db: db, etx: etx, now: db.opts.Clock.Now(), write: true}
	err := fn(tx)
	if err == nil && db.opts.BeforeCommit != nil {
		err = db.opts.BeforeCommit(limited, tx)
	}
	if err == nil {
		err = tx.finish()
	}
	return tx, err
}

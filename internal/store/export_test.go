package store

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// Engine gives tests what lies below the seals.
func (db *DB) Engine() Engine { return db.engine }

// TrimLog cuts the change log as Run does, only shorter.
func (db *DB) TrimLog(ctx context.Context, kept int) error { return db.trimLog(ctx, kept) }

// Sweep removes what has expired, as Run does.
func Sweep(ctx context.Context, db *DB) error {
	l, err := db.Acquire(ctx, "store.sweep", sweepTTL)
	if err != nil {
		return err
	}
	defer func() { _ = l.Release(ctx) }()
	return db.sweepAll(ctx, l)
}

// Count tells how many pairs of each kind a table has; expiry entries are all tables'.
func Count(ctx context.Context, db *DB, table string) (rows, entries, expiries int) {
	etx, err := db.engine.Begin(ctx, false)
	if err != nil {
		panic(err)
	}
	defer etx.Discard()
	count := func(prefix []byte) (n int) {
		for _, err := range etx.Scan(Bounds{Lo: prefix, Hi: tuple.Successor(prefix)}) {
			if err != nil {
				panic(err)
			}
			n++
		}
		return n
	}
	return count(spaceKey(spaceRow, table)), count(spaceKey(spaceIndex, table)), count([]byte{spaceExpiry})
}

// RowKey returns a row's engine key.
func (t *Table[T]) RowKey(parts ...any) []byte { return t.rowKey(K(parts...)) }

// Root gives tests the store's root.
func (db *DB) Root() Root { return db.opts.Root }

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

const (
	sweepBatch = 500
	sweepEvery = 10 * time.Second
	sweepTTL   = 30 * time.Second
)

// Run does the store's own work until ctx ends: it removes expired rows and old
// rows of the change log. Any number of processes may run it on one store; the
// work is leased to one of them.
func (db *DB) Run(ctx context.Context) error {
	for {
		lease, err := db.Acquire(ctx, "store.sweep", sweepTTL)
		if err == nil {
			err = db.sweepUntilLost(ctx, lease)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrFenced), errors.Is(err, ErrFull):
			if clock.Sleep(ctx, db.opts.Clock, sweepEvery) != nil {
				return nil
			}
		default:
			return err
		}
	}
}

func (db *DB) sweepUntilLost(ctx context.Context, l *Lease) error {
	defer func() { _ = l.Release(context.WithoutCancel(ctx)) }() // it also runs out by itself
	for {
		if err := db.sweepAll(ctx, l); err != nil {
			return err
		}
		if err := db.trimLog(ctx, logKept); err != nil {
			return err
		}
		if err := clock.Sleep(ctx, db.opts.Clock, sweepEvery); err != nil {
			return err
		}
		if err := l.Renew(ctx); err != nil {
			return err
		}
	}
}

// sweepAll removes what has expired, a batch at a time.
func (db *DB) sweepAll(ctx context.Context, l *Lease) error {
	var after []byte
	for {
		due, err := db.due(ctx, after)
		if err != nil || len(due) == 0 {
			return err
		}
		if err := db.sweepBatch(ctx, l, due); err != nil {
			return fmt.Errorf("sweep expired rows: %w", err)
		}
		if err := l.Renew(ctx); err != nil {
			return err
		}
		after = append(due[len(due)-1].entry, 0)
	}
}

// sweepBatch halves a batch whose rows have more index entries than a transaction
// may remove.
func (db *DB) sweepBatch(ctx context.Context, l *Lease, due []expiry) error {
	err := db.Update(ctx, func(tx *Tx) error { return tx.sweepDue(l, due) })
	if !errors.Is(err, ErrTooLarge) || len(due) == 1 {
		return err
	}
	half := len(due) / 2
	if err := db.sweepBatch(ctx, l, due[:half]); err != nil {
		return err
	}
	return db.sweepBatch(ctx, l, due[half:])
}

// An expiry is one entry that is due.
type expiry struct {
	table string
	pk    Key
	entry []byte
}

// due lists entries of tables that are in use in this process: how a row's index
// entries are found is known to its table alone. Others stay, invisible, until
// theirs is.
func (db *DB) due(ctx context.Context, after []byte) ([]expiry, error) {
	var out []expiry
	err := db.View(ctx, func(tx *Tx) error {
		out = out[:0]
		lo := later([]byte{spaceExpiry}, after)
		hi := tuple.Successor(spaceKey(spaceExpiry, tx.now))
		for kv, err := range tx.etx.Scan(Bounds{Lo: lo, Hi: hi}) {
			if err != nil {
				return err
			}
			e, err := parseExpiry(kv.Key)
			if err != nil {
				return err
			}
			if _, known := db.names.Load(e.table); known {
				out = append(out, e)
			}
			if len(out) == sweepBatch {
				return nil
			}
		}
		return nil
	})
	return out, err
}

func parseExpiry(key []byte) (expiry, error) {
	bad := fmt.Errorf("expiry entry: %w", ErrCorrupt)
	head := 1
	for range 2 { // time and table
		n, err := tuple.Next(key[head:])
		if err != nil {
			return expiry{}, bad
		}
		head += n
	}
	parts, err := tuple.Decode(key[1:head])
	if err != nil || head >= len(key) || key[head] != tuple.Separator {
		return expiry{}, bad
	}
	table, ok := parts[1].(string)
	if !ok {
		return expiry{}, bad
	}
	return expiry{table: table, pk: bytes.Clone(key[head+1:]), entry: bytes.Clone(key)}, nil
}

func (tx *Tx) sweepDue(l *Lease, due []expiry) error {
	if err := tx.Require(l); err != nil {
		return err
	}
	for _, e := range due {
		t, _ := tx.db.names.Load(e.table)
		if err := t.(sweeper).sweep(tx, e.pk); err != nil {
			return err
		}
	}
	return nil
}

func (b *bound[T]) sweep(tx *Tx, pk Key) error { return b.table.sweep(tx, pk) }

// sweep reads the row again, because it may have been written meanwhile.
func (t *Table[T]) sweep(tx *Tx, pk Key) error {
	if err := tx.lock(t.name, pk); err != nil {
		return err
	}
	row, err := t.find(tx, pk)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case !t.expired(tx, row):
		return nil
	}
	return t.remove(tx, pk, row)
}

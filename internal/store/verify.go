package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// Verify reads the whole store: every byte of the engine's files, and every
// value's seal. It fails with ErrCorrupt at the first that has changed. It is
// for a scrub at leisure; what it doesn't find, each read finds again.
func (db *DB) Verify(ctx context.Context) error {
	if err := db.engine.Verify(ctx); err != nil {
		return fmt.Errorf("verify store %s: %w", db.opts.Name, err)
	}
	return db.View(ctx, func(tx *Tx) error {
		for kv, err := range tx.etx.Scan(Bounds{Lo: []byte{1}}) {
			if err := errors.Join(err, ctx.Err(), tx.verify(kv)); err != nil {
				return fmt.Errorf("verify store %s: %w", db.opts.Name, err)
			}
		}
		return nil
	})
}

func (tx *Tx) verify(kv KV) error {
	if kv.Key == nil {
		return nil
	}
	switch kv.Key[0] {
	case spaceMeta:
		return tx.verifyMeta(kv)
	case spaceChange:
		_, err := tx.open(tableChanges, kv.Key, kv.Value)
		return err
	case spaceRow:
		return tx.verifyRow(kv)
	}
	return nil // index and expiry entries are checked against the rows they lead to
}

func (tx *Tx) verifyRow(kv KV) error {
	n, err := tuple.Next(kv.Key[1:])
	if err != nil {
		return fmt.Errorf("a row's key: %w", ErrCorrupt)
	}
	name, err := tuple.Decode(kv.Key[1 : 1+n])
	if err != nil {
		return fmt.Errorf("a row's key: %w", ErrCorrupt)
	}
	table, ok := name[0].(string)
	if !ok {
		return fmt.Errorf("a row's key: %w", ErrCorrupt)
	}
	_, err = tx.open(table, kv.Key, kv.Value)
	return err
}

// verifyMeta lets the root open what it has sealed.
func (tx *Tx) verifyMeta(kv KV) error {
	if string(kv.Key) == string(headerKey()) {
		var h header
		if err := decoding.Unmarshal(kv.Value, &h); err != nil {
			return fmt.Errorf("the header: %w", ErrCorrupt)
		}
		_, err := tx.db.opts.Root.Unwrap(tx.ctx, h.associated(), h.Check)
		return err
	}
	var w wrappedKey
	if err := decoding.Unmarshal(kv.Value, &w); err != nil {
		return fmt.Errorf("a data key: %w", ErrCorrupt)
	}
	key, err := tx.db.opts.Root.Unwrap(tx.ctx, tx.db.dataKeyAAD(w.Table), w.Blob)
	clear(key)
	return err
}

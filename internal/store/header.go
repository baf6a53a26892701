package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

// storeFormat is the layout of the key space and of the seals. A store that
// needs a later reader is refused.
const storeFormat = 1

// A header is the store's first row. Check is sealed by the root key, so that a
// wrong one is told apart from damage.
type header struct {
	Format    int     `cbor:"1,keyasint"`
	MinReader int     `cbor:"2,keyasint"`
	ID        storeID `cbor:"3,keyasint"`
	Check     []byte  `cbor:"4,keyasint"`
}

// ID returns the store's random identity in hexadecimal, as it was drawn when the
// store was made. A backup carries it along; a store that was wiped and made anew
// has another.
func (db *DB) ID() string { return hex.EncodeToString(db.head.ID[:]) }

func headerKey() []byte { return spaceKey(spaceMeta, "header") }

func (h *header) associated() []byte { return append([]byte("garrison store header"), h.ID[:]...) }

// openHeader reads the header, or writes one into an empty engine.
func (db *DB) openHeader(ctx context.Context) error {
	etx, err := db.engine.Begin(ctx, false)
	if err != nil {
		return err
	}
	defer etx.Discard()
	raw, err := etx.Get(nil, headerKey())
	if errors.Is(err, ErrNotFound) {
		return db.makeHeader(ctx, etx)
	}
	if err != nil {
		return err
	}
	if err := decoding.Unmarshal(raw, &db.head); err != nil {
		return fmt.Errorf("its header: %w: %w; restore it from a backup", ErrCorrupt, err)
	}
	return db.checkHeader(ctx)
}

func (db *DB) checkHeader(ctx context.Context) error {
	if db.head.MinReader > storeFormat {
		return fmt.Errorf("it needs format %d and this version knows %d: %w; start the version that wrote it or a later one",
			db.head.MinReader, storeFormat, ErrNewer)
	}
	_, err := db.opts.Root.Unwrap(ctx, db.head.associated(), db.head.Check)
	if errors.Is(err, ErrWrongRoot) {
		return fmt.Errorf("%s does not open the store %s: %w", db.opts.Root.ID(), db.opts.Name, ErrWrongRoot)
	}
	return err
}

// makeHeader refuses rows without a header: they are what is left of a store.
func (db *DB) makeHeader(ctx context.Context, etx EngineTx) error {
	for _, err := range etx.Scan(Bounds{Lo: []byte{1}}) {
		return errors.Join(fmt.Errorf("its header is missing: %w; restore it from a backup", ErrCorrupt), err)
	}
	h := header{Format: storeFormat, MinReader: storeFormat}
	rand.Read(h.ID[:])
	var err error
	if h.Check, err = db.opts.Root.Wrap(ctx, h.associated(), h.ID[:]); err != nil {
		return fmt.Errorf("seal the header: %w", err)
	}
	db.head = h
	return db.putMeta(ctx, headerKey(), h)
}

// putMeta writes one meta row in a transaction of its own.
func (db *DB) putMeta(ctx context.Context, key []byte, row header) error {
	raw, err := encoding.Marshal(row)
	if err != nil {
		return err
	}
	etx, err := db.engine.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer etx.Discard()
	if err := etx.Put(key, raw); err != nil {
		return err
	}
	return etx.Commit(true)
}

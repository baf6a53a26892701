package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// A Tx is one transaction. It is valid within the function it was given to, and
// is used by that one goroutine.
type Tx struct {
	ctx     context.Context // of the View or Update that made the Tx, which it never outlives
	db      *DB
	etx     EngineTx
	now     time.Time
	write   bool
	keyless string             // table that lacks a data key; nothing may be committed
	err     error              // first error of a write; fn can't hide it
	bytes   int                // written so far
	keys    int                // written so far
	scopes  map[Scope]struct{} // locked so far
	changes []change           // for the change log
	raw     []byte             // scratch for stored bytes
}

var errKeyless = errors.New("the table has no data key yet")

// Now returns the transaction's one time, of the store's clock.
func (tx *Tx) Now() time.Time { return tx.now }

// Rev returns the revision that a View sees, and the one that an Update's writes
// will have.
func (tx *Tx) Rev() Rev { return tx.etx.Rev() }

// lock takes the scope of a key at its first touch, in writing transactions only:
// a View reads one snapshot and conflicts with nobody.
func (tx *Tx) lock(table string, k Key) error {
	if !tx.write {
		return nil
	}
	s := Scope{Table: table, Part: firstPart(k)}
	if _, held := tx.scopes[s]; held {
		return nil
	}
	if err := tx.etx.Lock(s); err != nil {
		return err
	}
	if tx.scopes == nil {
		tx.scopes = make(map[Scope]struct{}, 4)
	}
	tx.scopes[s] = struct{}{}
	return nil
}

// get returns the stored bytes of an engine key; they are valid until the next get.
func (tx *Tx) get(key []byte) ([]byte, error) {
	raw, err := tx.etx.Get(tx.raw[:0], key)
	tx.raw = raw[:0]
	return raw, err
}

// put seals and writes one value under an engine key of a table.
func (tx *Tx) put(table string, key, plain []byte) error {
	sealed, err := tx.seal(table, key, plain)
	if err != nil {
		return tx.failed(err)
	}
	if err := tx.account(len(key) + len(sealed)); err != nil {
		return err
	}
	return tx.failed(tx.etx.Put(key, sealed))
}

// putBare writes an engine key that needs no value: all that it says is in the key.
func (tx *Tx) putBare(key []byte) error {
	if err := tx.account(len(key)); err != nil {
		return err
	}
	return tx.failed(tx.etx.Put(key, nil))
}

func (tx *Tx) drop(key []byte) error {
	if err := tx.account(len(key)); err != nil {
		return err
	}
	return tx.failed(tx.etx.Delete(key))
}

// account refuses what goes over a limit, before it is written.
func (tx *Tx) account(n int) error {
	if !tx.write {
		return ErrReadOnly
	}
	if tx.ctx.Err() != nil {
		return tx.failed(context.Cause(tx.ctx))
	}
	tx.bytes += n
	tx.keys++
	if tx.bytes > MaxTxBytes || tx.keys > MaxTxKeys {
		return tx.failed(fmt.Errorf("a transaction of %d keys and %d bytes: %w", tx.keys, tx.bytes, ErrTooLarge))
	}
	return nil
}

// failed keeps the first error of a write, so that a half-made set of writes is
// never committed even if fn goes on.
func (tx *Tx) failed(err error) error {
	if err != nil && tx.err == nil {
		tx.err = err
	}
	return err
}

// finish writes the change log's row.
func (tx *Tx) finish() error {
	if tx.err == nil {
		tx.err = tx.logChanges()
	}
	if tx.err == nil && tx.ctx.Err() != nil {
		tx.err = context.Cause(tx.ctx)
	}
	return tx.err
}

func (tx *Tx) seal(table string, key, plain []byte) ([]byte, error) {
	k := tx.db.ring.current(table)
	if k == nil {
		tx.keyless = table
		return nil, errKeyless
	}
	return k.seal(tx.db.head.ID, key, plain), nil
}

// open returns the plain value of stored bytes, in memory of its own.
func (tx *Tx) open(table string, key, raw []byte) ([]byte, error) {
	id, err := sealedBy(raw)
	if err != nil {
		return nil, tx.db.corrupt(table, key, err)
	}
	k := tx.db.ring.byID(id)
	if k == nil {
		if k, err = tx.loadKey(table, key, id); err != nil {
			return nil, err
		}
	}
	plain, err := k.open(tx.db.head.ID, table, key, raw)
	if err != nil {
		return nil, tx.db.corrupt(table, key, err)
	}
	return plain, nil
}

// loadKey tells a row that names no key of the store from a root that is out of reach.
func (tx *Tx) loadKey(table string, key []byte, id uint32) (*dataKey, error) {
	k, err := tx.db.loadDataKey(tx.ctx, tx.etx, id)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return nil, tx.db.corrupt(table, key, err)
	}
	return k, err
}

// corrupt names the row. Keys lie open in the store anyway; values never reach an
// error. The cause is told and not wrapped: a row that can't be read because
// something is missing must never pass for one that isn't there.
func (db *DB) corrupt(table string, key []byte, cause error) error {
	return fmt.Errorf("store %s, table %s, row %s: %w: %s; restore it from a backup",
		db.opts.Name, table, shownKey(table, key), ErrCorrupt, cause.Error())
}

func shownKey(table string, key []byte) string {
	return Key(bytes.TrimPrefix(key, spaceKey(spaceRow, table))).String()
}

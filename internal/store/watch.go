package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// An Op says what became of a row.
type Op uint8

// The operations in the change log.
const (
	Written Op = 1 + iota
	Deleted    // by Delete, or swept after it expired
)

// An Event is one change of one row. It doesn't carry the row: whoever wants it
// reads it, and finds this or a later state of it.
type Event struct {
	Rev   Rev
	Table string
	Key   Key
	Op    Op
}

// A change is an Event within its transaction's row of the change log.
type change struct {
	Table string `cbor:"1,keyasint"`
	Key   Key    `cbor:"2,keyasint"`
	Op    Op     `cbor:"3,keyasint"`
}

// tableChanges is the name under which the change log is sealed.
const tableChanges = "store.change"

func changeKey(r Rev) []byte {
	k := binary.BigEndian.AppendUint64([]byte{spaceChange}, r.Hi)
	return binary.BigEndian.AppendUint64(k, r.Lo)
}

func changeRev(key []byte) (Rev, error) {
	if len(key) != 17 {
		return Rev{}, fmt.Errorf("a row of the change log: %w", ErrCorrupt)
	}
	return Rev{Hi: binary.BigEndian.Uint64(key[1:]), Lo: binary.BigEndian.Uint64(key[9:])}, nil
}

// logChanges writes the transaction's row of the change log.
func (tx *Tx) logChanges() error {
	if len(tx.changes) == 0 {
		return nil
	}
	plain, err := encoding.Marshal(tx.changes)
	if err != nil {
		return fmt.Errorf("encode the change log: %w", err)
	}
	key := changeKey(tx.etx.Rev())
	sealed, err := tx.seal(tableChanges, key, plain)
	if errors.Is(err, errKeyless) {
		return nil // the transaction is run again with a key
	}
	if err != nil {
		return err
	}
	return tx.etx.Put(key, sealed)
}

// Rev returns the newest durable revision: what a Watch from it yields is later
// than every View that began after Rev returned has to know.
func (db *DB) Rev() Rev { return db.engine.Stats().Durable }

// Watch yields the changes of a table, or of all watched tables if it is empty,
// that came after from: once they are durable, in the order of their commits,
// none left out. It goes on until ctx ends, which it yields as an error like any
// other. It fails with ErrCompacted when from is older than the log. A revision
// from before a Restore means nothing in the restored store.
func (db *DB) Watch(ctx context.Context, table string, from Rev) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			batch, upto, err := db.nextChanges(ctx, from)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range batch {
				if (table == "" || e.Table == table) && !yield(e, nil) {
					return
				}
			}
			from = upto
		}
	}
}

// nextChanges waits for durable changes after from. It returns the first of them,
// and the revision up to which none is left out.
func (db *DB) nextChanges(ctx context.Context, from Rev) (batch []Event, upto Rev, err error) {
	if upto, err = db.engine.Durable(ctx, from); err != nil {
		return nil, from, err
	}
	if batch, err = db.changesBetween(ctx, from, upto); err != nil {
		return nil, from, err
	}
	if n := len(batch); n > 0 && batch[n-1].Rev.Compare(upto) < 0 {
		upto = batch[n-1].Rev
	}
	return batch, upto, nil
}

// watchBatch bounds the changes that a watcher holds at once.
const watchBatch = 1024

// changesBetween returns changes after from up to upto, the first watchBatch or
// a few more, because a transaction's changes stay together.
func (db *DB) changesBetween(ctx context.Context, from, upto Rev) ([]Event, error) {
	var out []Event
	err := db.View(ctx, func(tx *Tx) error {
		out = out[:0]
		if err := tx.reaches(from); err != nil {
			return err
		}
		lo := append(changeKey(from), 0)
		for kv, err := range tx.etx.Scan(Bounds{Lo: lo, Hi: append(changeKey(upto), 0)}) {
			if err != nil {
				return err
			}
			if out, err = tx.appendEvents(out, kv); err != nil || len(out) >= watchBatch {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (tx *Tx) appendEvents(out []Event, kv KV) ([]Event, error) {
	rev, err := changeRev(kv.Key)
	if err != nil {
		return out, err
	}
	plain, err := tx.open(tableChanges, kv.Key, kv.Value)
	if err != nil {
		return out, err
	}
	var changes []change
	if err := decoding.Unmarshal(plain, &changes); err != nil {
		return out, fmt.Errorf("change log at %d: %w: %w", rev.Lo, ErrCorrupt, err)
	}
	for _, c := range changes {
		out = append(out, Event{Rev: rev, Table: c.Table, Key: c.Key, Op: c.Op})
	}
	return out, nil
}

// reaches fails with ErrCompacted unless every change after from is in the log.
func (tx *Tx) reaches(from Rev) error {
	floor, err := logFloors.Get(tx, "floor")
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && from.Compare(floor.Rev) < 0 {
		return ErrCompacted
	}
	return err
}

// A logFloor tells the newest revision that was cut from the change log.
type logFloor struct{ Rev Rev }

var logFloors = NewTable("store.logfloor", func(*logFloor) Key { return K("floor") }, Unwatched[logFloor]())

// logKept is how many changes the log goes back at least. A watcher that was
// away for longer scans its table anew.
const logKept = 100_000

// trimLog cuts the change log down to the newest kept rows.
func (db *DB) trimLog(ctx context.Context, kept int) error {
	var cut Rev
	err := db.View(ctx, func(tx *Tx) error {
		n := 0
		for kv, err := range tx.etx.Scan(Bounds{Lo: []byte{spaceChange}, Hi: tuple.Successor([]byte{spaceChange}), Reverse: true}) {
			if err != nil {
				return err
			}
			if n++; n > kept {
				cut, err = changeRev(kv.Key)
				return err
			}
		}
		return nil
	})
	if err != nil || cut == (Rev{}) {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		if err := logFloors.Put(tx, &logFloor{Rev: cut}); err != nil {
			return err
		}
		return tx.failed(tx.etx.DeleteRange([]byte{spaceChange}, append(changeKey(cut), 0)))
	})
}

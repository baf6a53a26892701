package store

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// An index entry is a key alone: index key, separator, row key. It needs no
// seal, because a reader checks that the row it leads to yields the index key.
type index[T any] struct {
	name   string
	keys   func(*T) []Key
	unique bool
	prefix []byte
}

func newIndex[T any](table, name string, keys func(*T) []Key, unique bool) index[T] {
	return index[T]{name: name, keys: keys, unique: unique, prefix: spaceKey(spaceIndex, table, name)}
}

func (x *index[T]) entry(ik, pk Key) []byte {
	k := make([]byte, 0, len(x.prefix)+len(ik)+1+len(pk))
	k = append(append(append(k, x.prefix...), ik...), tuple.Separator)
	return append(k, pk...)
}

func (x *index[T]) yields(row *T, ik Key) bool {
	return slices.ContainsFunc(x.keys(row), func(k Key) bool { return bytes.Equal(k, ik) })
}

// split undoes entry.
func (x *index[T]) split(entry []byte) (ik, pk Key, err error) {
	rest := entry[len(x.prefix):]
	for n := 0; n < len(rest); {
		if rest[n] == tuple.Separator {
			return Key(rest[:n]), Key(rest[n+1:]), nil
		}
		m, err := tuple.Next(rest[n:])
		if err != nil {
			break
		}
		n += m
	}
	return nil, nil, fmt.Errorf("entry of index %s: %w", x.name, ErrCorrupt)
}

// derives reports whether a write has to know the row that it replaces.
func (t *Table[T]) derives() bool { return len(t.indexes) > 0 || t.expires != nil }

// derive brings index entries and the expiry entry from what old yields to what
// row yields; either may be nil.
func (t *Table[T]) derive(tx *Tx, pk Key, old, row *T) error {
	for i := range t.indexes {
		x := &t.indexes[i]
		if err := t.reindex(tx, x, pk, [2][]Key{x.of(old), x.of(row)}); err != nil {
			return err
		}
	}
	if t.expires == nil {
		return nil
	}
	return t.reschedule(tx, pk, old, row)
}

// of returns the row's index keys; no row has none.
func (x *index[T]) of(row *T) []Key {
	if row == nil {
		return nil
	}
	return x.keys(row)
}

// reindex brings the entries of pk from the first of keys to the second.
func (t *Table[T]) reindex(tx *Tx, x *index[T], pk Key, keys [2][]Key) error {
	before, after := keys[0], keys[1]
	for _, ik := range before {
		if !contains(after, ik) {
			if err := tx.drop(x.entry(ik, pk)); err != nil {
				return err
			}
		}
	}
	for _, ik := range after {
		if !contains(before, ik) {
			if err := t.enter(tx, x, ik, pk); err != nil {
				return err
			}
		}
	}
	return nil
}

func contains(keys []Key, k Key) bool {
	return slices.ContainsFunc(keys, func(o Key) bool { return bytes.Equal(o, k) })
}

func (t *Table[T]) enter(tx *Tx, x *index[T], ik, pk Key) error {
	if len(ik)+len(pk) > MaxKey {
		return tx.failed(fmt.Errorf("a key of index %s of %s with %d bytes: %w", x.name, t.name, len(ik)+len(pk), ErrTooLarge))
	}
	if x.unique {
		if err := t.claim(tx, x, ik, pk); err != nil {
			return err
		}
	}
	return tx.putBare(x.entry(ik, pk))
}

// claim makes sure that no other row holds ik. A row that has expired holds
// nothing; it is removed on the way.
func (t *Table[T]) claim(tx *Tx, x *index[T], ik, pk Key) error {
	if err := tx.lock(t.name+"\x00"+x.name, ik); err != nil {
		return err
	}
	lo := x.entry(ik, nil)
	var stale []Key
	for kv, err := range tx.etx.Scan(Bounds{Lo: lo, Hi: tuple.Successor(lo)}) {
		if err != nil {
			return err
		}
		holder := Key(bytes.Clone(kv.Key[len(lo):]))
		row, err := t.find(tx, holder)
		switch {
		case bytes.Equal(holder, pk):
		case err != nil:
			return tx.db.corrupt(t.name, kv.Key, err)
		case !t.expired(tx, row):
			return ErrExists
		default:
			stale = append(stale, holder)
		}
	}
	for _, holder := range stale {
		if err := t.sweep(tx, holder); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table[T]) reschedule(tx *Tx, pk Key, old, row *T) error {
	var before, after time.Time
	if old != nil {
		before = t.expires(old)
	}
	if row != nil {
		after = t.expires(row)
	}
	if before.Equal(after) {
		return nil
	}
	if !before.IsZero() {
		if err := tx.drop(expiryKey(before, t.name, pk)); err != nil {
			return err
		}
	}
	if after.IsZero() {
		return nil
	}
	return tx.putBare(expiryKey(after, t.name, pk))
}

// expiryKey sorts by time, so that a sweep reads only what is due.
func expiryKey(at time.Time, table string, pk Key) []byte {
	return append(append(spaceKey(spaceExpiry, at, table), tuple.Separator), pk...)
}

package store

import (
	"errors"
	"fmt"
	"time"
)

// A Table keeps rows of type T under the key that each row yields. A Table is a
// description, made once and shared by all stores; the rows live in the DB of
// the Tx that is passed in. Its methods are safe for concurrent use.
type Table[T any] struct {
	name    string
	key     func(*T) Key
	indexes []index[T]
	expires func(*T) time.Time
	upgrade func(from uint8, body []byte) (*T, error)
	version uint8
	cached  int
	quiet   bool
	prefix  []byte // of every row's engine key
}

// An Option adds to a Table.
type Option[T any] func(*Table[T])

// NewTable describes a table. The name is stored and never changes: by
// convention service.noun. key must yield the same key for a row for ever.
func NewTable[T any](name string, key func(*T) Key, opts ...Option[T]) *Table[T] {
	t := &Table[T]{name: name, key: key, version: 1, prefix: spaceKey(spaceRow, name)}
	for _, o := range opts {
		o(t)
	}
	return t
}

// Index keeps rows also under the keys that keys yields, none or several a row;
// several rows may share one. Read it by ScanIndex. The keys lie open in the store.
func Index[T any](name string, keys func(*T) []Key) Option[T] {
	return func(t *Table[T]) { t.indexes = append(t.indexes, newIndex(t.name, name, keys, false)) }
}

// UniqueIndex is Index where no two rows may share a key: Insert and Put then
// fail with ErrExists.
func UniqueIndex[T any](name string, keys func(*T) []Key) Option[T] {
	return func(t *Table[T]) { t.indexes = append(t.indexes, newIndex(t.name, name, keys, true)) }
}

// Expires ends rows at the time that at yields; a zero time means never. An
// expired row is gone for every reader at once, and its bytes are swept by Run.
func Expires[T any](at func(*T) time.Time) Option[T] {
	return func(t *Table[T]) { t.expires = at }
}

// Cached keeps up to n decoded rows a store. A View's Get may then return a row
// that others hold too: it must not be changed. The stored bytes are read each
// time, and a cached row counts only if they are the very same, so it is never stale.
func Cached[T any](n int) Option[T] {
	return func(t *Table[T]) { t.cached = n }
}

// Unwatched keeps the table's changes out of the change log, for tables with
// many writes and no watcher.
func Unwatched[T any]() Option[T] {
	return func(t *Table[T]) { t.quiet = true }
}

// Codec says that rows are now written with the given version, 1 being the
// first, and how an older row is read: upgrade gets its version and its CBOR,
// for Decode.
func Codec[T any](version uint8, upgrade func(from uint8, body []byte) (*T, error)) Option[T] {
	return func(t *Table[T]) { t.version, t.upgrade = version, upgrade }
}

// Name returns the table's name.
func (t *Table[T]) Name() string { return t.name }

// Get returns the row under the key made of parts, or ErrNotFound.
func (t *Table[T]) Get(tx *Tx, parts ...any) (*T, error) {
	pk := K(parts...)
	if err := tx.lock(t.name, pk); err != nil {
		return nil, err
	}
	row, err := t.find(tx, pk)
	if err != nil {
		return nil, err
	}
	if t.expired(tx, row) {
		return nil, ErrNotFound
	}
	return row, nil
}

// Insert adds a row. It fails with ErrExists if its key, or a key of a unique
// index, is taken.
func (t *Table[T]) Insert(tx *Tx, row *T) error {
	pk, err := t.keyOf(tx, row)
	if err != nil {
		return err
	}
	old, err := t.occupant(tx, pk)
	if err != nil {
		return err
	}
	return t.store(tx, pk, old, row)
}

// occupant returns the expired row that is still in pk's place, nil if the place
// is free, and ErrExists if it is taken.
func (t *Table[T]) occupant(tx *Tx, pk Key) (*T, error) {
	if t.expires == nil {
		_, err := tx.get(t.rowKey(pk))
		switch {
		case err == nil:
			return nil, ErrExists
		case errors.Is(err, ErrNotFound):
			return nil, nil
		}
		return nil, err
	}
	old, err := t.find(tx, pk)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err == nil && !t.expired(tx, old):
		return nil, ErrExists
	}
	return old, err
}

// Put adds a row or takes the place of the one under its key. It fails with
// ErrExists if another row holds a key of a unique index.
func (t *Table[T]) Put(tx *Tx, row *T) error {
	pk, err := t.keyOf(tx, row)
	if err != nil {
		return err
	}
	var old *T
	if t.derives() {
		if old, err = t.find(tx, pk); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return t.store(tx, pk, old, row)
}

// Add stores a row whose key nobody can have yet, because a random id is in it. It
// is Insert without the look for an old row, which costs more than the writing.
func (t *Table[T]) Add(tx *Tx, row *T) error {
	pk, err := t.keyOf(tx, row)
	if err != nil {
		return err
	}
	return t.store(tx, pk, nil, row)
}

// Delete removes the row under the key made of parts. It fails with ErrNotFound.
func (t *Table[T]) Delete(tx *Tx, parts ...any) error {
	if !tx.write {
		return ErrReadOnly
	}
	pk := K(parts...)
	row, err := t.Get(tx, pk)
	if err != nil {
		return err
	}
	return t.remove(tx, pk, row)
}

// Drop deletes the row under the key made of parts, if there is one, without
// reading it. It is for tables that have neither indexes nor expiry, which only
// the old row could lead to.
func (t *Table[T]) Drop(tx *Tx, parts ...any) error {
	if !tx.write {
		return ErrReadOnly
	}
	if t.derives() {
		panic(fmt.Sprintf("store: table %s has indexes or expiry, so its rows are deleted by Delete", t.name))
	}
	pk := K(parts...)
	if err := tx.lock(t.name, pk); err != nil {
		return err
	}
	return t.remove(tx, pk, nil)
}

func (t *Table[T]) remove(tx *Tx, pk Key, row *T) error {
	if err := tx.drop(t.rowKey(pk)); err != nil {
		return err
	}
	if err := t.derive(tx, pk, row, nil); err != nil {
		return err
	}
	t.note(tx, pk, Deleted)
	return nil
}

func (t *Table[T]) store(tx *Tx, pk Key, old, row *T) error {
	plain, err := t.encode(row)
	if err != nil {
		return tx.failed(err)
	}
	if err := tx.put(t.name, t.rowKey(pk), plain); err != nil {
		return err
	}
	if err := t.derive(tx, pk, old, row); err != nil {
		return err
	}
	t.note(tx, pk, Written)
	return nil
}

// find returns the row even if it has expired.
func (t *Table[T]) find(tx *Tx, pk Key) (*T, error) {
	key := t.rowKey(pk)
	raw, err := tx.get(key)
	if err != nil {
		return nil, err
	}
	return t.read(tx, key, raw)
}

// read opens and decodes stored bytes, or takes the row that a View has already
// made of the same bytes.
func (t *Table[T]) read(tx *Tx, key, raw []byte) (*T, error) {
	b := t.bind(tx.db)
	if !tx.write && b.cache != nil {
		if row := b.cache.get(key, raw); row != nil {
			return row, nil
		}
	}
	plain, err := tx.open(t.name, key, raw)
	if err != nil {
		return nil, err
	}
	row, err := t.decode(plain)
	if err == nil && !tx.write && b.cache != nil {
		b.cache.put(key, raw, row)
	}
	return row, err
}

// keyOf returns the row's key, once it may be written.
func (t *Table[T]) keyOf(tx *Tx, row *T) (Key, error) {
	if !tx.write {
		return nil, ErrReadOnly
	}
	t.bind(tx.db)
	pk := t.key(row)
	if len(pk) > MaxKey {
		return nil, tx.failed(fmt.Errorf("a key of %s with %d bytes: %w", t.name, len(pk), ErrTooLarge))
	}
	return pk, tx.lock(t.name, pk)
}

func (t *Table[T]) rowKey(pk Key) []byte {
	return append(append(make([]byte, 0, len(t.prefix)+len(pk)), t.prefix...), pk...)
}

func (t *Table[T]) expired(tx *Tx, row *T) bool {
	if t.expires == nil {
		return false
	}
	at := t.expires(row)
	return !at.IsZero() && !at.After(tx.now)
}

func (t *Table[T]) note(tx *Tx, pk Key, op Op) {
	if !t.quiet {
		tx.changes = append(tx.changes, change{Table: t.name, Key: pk, Op: op})
	}
}

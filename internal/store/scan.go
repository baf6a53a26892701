package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// A Range names keys of a table or of an index, and how to read them. The zero
// value is the whole table in ascending order.
type Range struct {
	Prefix  Key  // K(parts...) or KPrefix(parts...)
	From    Key  // first key of interest, itself included; whole, Prefix and all
	To      Key  // end of interest, itself left out
	After   Key  // resume past this key, in the direction of the scan
	Reverse bool // highest first
	Limit   int  // rows at most; 0: all
}

// Scan yields the rows in r by key. An Update's scan sees the writes that it made
// before the scan began. After an error it ends.
func (t *Table[T]) Scan(tx *Tx, r Range) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if err := tx.lock(t.name, r.Prefix); err != nil {
			yield(nil, err)
			return
		}
		left := r.Limit
		for kv, err := range tx.etx.Scan(r.bounds(t.prefix, nil)) {
			row, err := t.visible(tx, kv, err)
			if err == nil && row == nil {
				continue
			}
			left--
			if !yield(row, err) || err != nil || left == 0 {
				return
			}
		}
	}
}

// visible returns nil for a row that has expired.
func (t *Table[T]) visible(tx *Tx, kv KV, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	row, err := t.read(tx, kv.Key, kv.Value)
	if err != nil || t.expired(tx, row) {
		return nil, err
	}
	return row, nil
}

// ScanIndex yields rows by the keys of an index, and rows of one index key by
// their own. The range is in terms of the index; After is an index key, whose
// rows are then all passed over, or what IndexAfter returns. A row that yields
// several keys in the range comes several times.
func (t *Table[T]) ScanIndex(tx *Tx, index string, r Range) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		x := t.index(index)
		// Index keys need not begin with the account, so what they touch is not known beforehand.
		if err := tx.lock(t.name, nil); err != nil {
			yield(nil, err)
			return
		}
		left := r.Limit
		for kv, err := range tx.etx.Scan(r.bounds(x.prefix, []byte{tuple.Separator})) {
			row, err := t.follow(tx, x, kv, err)
			if err == nil && row == nil {
				continue
			}
			left--
			if !yield(row, err) || err != nil || left == 0 {
				return
			}
		}
	}
}

// IndexAfter returns the place of one row under one index key, to resume a
// ScanIndex past exactly that row.
func (t *Table[T]) IndexAfter(indexKey Key, row *T) Key {
	return append(append(bytes.Clone(indexKey), tuple.Separator), t.key(row)...)
}

func (t *Table[T]) index(name string) *index[T] {
	for i := range t.indexes {
		if t.indexes[i].name == name {
			return &t.indexes[i]
		}
	}
	panic(fmt.Sprintf("store: table %s has no index %q", t.name, name))
}

// follow returns the row that an entry leads to, nil if it has expired.
func (t *Table[T]) follow(tx *Tx, x *index[T], kv KV, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	ik, pk, err := x.split(kv.Key)
	if err != nil {
		return nil, err
	}
	row, err := t.find(tx, pk)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, tx.db.corrupt(t.name, t.rowKey(pk), fmt.Errorf("index %s leads to it, and it is not there", x.name))
	case err != nil:
		return nil, err
	case !x.yields(row, ik):
		return nil, tx.db.corrupt(t.name, t.rowKey(pk), fmt.Errorf("index %s leads to it by another key", x.name))
	case t.expired(tx, row):
		return nil, nil
	}
	return row, nil
}

// bounds returns the engine keys of the range under base. joint is what follows
// a whole key where more may follow, nil where nothing does.
func (r Range) bounds(base, joint []byte) Bounds {
	at := func(k Key) []byte { return append(bytes.Clone(base), k...) }
	b := Bounds{Lo: at(r.Prefix), Reverse: r.Reverse}
	b.Hi = tuple.Successor(b.Lo)
	if r.From != nil {
		b.Lo = later(b.Lo, at(r.From))
	}
	if r.To != nil {
		b.Hi = earlier(b.Hi, at(r.To))
	}
	if r.After == nil {
		return b
	}
	if r.Reverse {
		b.Hi = earlier(b.Hi, at(r.After))
		return b
	}
	past := append(at(r.After), 0)
	if joint != nil && !joined(r.After) {
		past = tuple.Successor(append(at(r.After), joint...))
	}
	b.Lo = later(b.Lo, past)
	return b
}

// joined reports whether k is an index key and a row's key with a joint between.
func joined(k Key) bool {
	for len(k) > 0 && k[0] != tuple.Separator {
		n, err := tuple.Next(k)
		if err != nil {
			return false
		}
		k = k[n:]
	}
	return len(k) > 0
}

func later(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return b
	}
	return a
}

func earlier(a, b []byte) []byte {
	if a == nil || bytes.Compare(b, a) < 0 {
		return b
	}
	return a
}

// Collect reads a scan to its end, so that its rows may then be changed.
func Collect[T any](rows iter.Seq2[*T, error]) ([]*T, error) {
	var out []*T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

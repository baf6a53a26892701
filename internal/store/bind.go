package store

import (
	"bytes"
	"fmt"
	"sync"
)

// bound is what one DB holds of one table.
type bound[T any] struct {
	table *Table[T]
	cache *rowCache[T] // nil unless Cached
}

// A sweeper removes an expired row, whatever its type.
type sweeper interface {
	sweep(tx *Tx, pk Key) error
}

// bind returns the DB's part of the table, made at the first touch. Two tables of
// one name would read each other's rows, so that is a broken program.
func (t *Table[T]) bind(db *DB) *bound[T] {
	if b, ok := db.tables.Load(t); ok {
		return b.(*bound[T])
	}
	fresh := &bound[T]{table: t}
	if t.cached > 0 {
		fresh.cache = newRowCache[T](t.cached)
	}
	b, _ := db.tables.LoadOrStore(t, fresh)
	if first, loaded := db.names.LoadOrStore(t.name, b); loaded && first != b {
		panic(fmt.Sprintf("store: two tables are named %q", t.name))
	}
	return b.(*bound[T])
}

// A rowCache keeps decoded rows of one table in one store. Rows are found by
// key and stored bytes together, so that there is nothing to invalidate. It
// holds two generations: when the young one is full it becomes the old one.
type rowCache[T any] struct {
	mu         sync.RWMutex // guards the fields below
	young, old map[string]cachedRow[T]
	half       int // rows that a generation holds
}

type cachedRow[T any] struct {
	raw []byte
	row *T
}

func newRowCache[T any](n int) *rowCache[T] {
	return &rowCache[T]{half: max(1, n/2), young: make(map[string]cachedRow[T])}
}

// get returns the row that was made of exactly these stored bytes, or nil.
func (c *rowCache[T]) get(key, raw []byte) *T {
	c.mu.RLock()
	hit, young := c.young[string(key)]
	if !young {
		hit = c.old[string(key)]
	}
	c.mu.RUnlock()
	if hit.row == nil || !bytes.Equal(hit.raw, raw) {
		return nil
	}
	if !young {
		c.add(string(key), hit)
	}
	return hit.row
}

func (c *rowCache[T]) put(key, raw []byte, row *T) {
	c.add(string(key), cachedRow[T]{raw: bytes.Clone(raw), row: row})
}

func (c *rowCache[T]) add(key string, r cachedRow[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[string]cachedRow[T], c.half)
	}
	c.young[key] = r
}

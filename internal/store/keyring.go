package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"sync/atomic"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// A wrappedKey is a data key's row. The key is sealed by the root, bound to the
// store and the table.
type wrappedKey struct {
	Table string `cbor:"1,keyasint"`
	Blob  []byte `cbor:"2,keyasint"`
}

// A keyring holds the data keys that have been used, unwrapped, in memory only.
type keyring struct {
	keys atomic.Pointer[keys]
	mu   sync.Mutex // one change at a time
}

type keys struct {
	byID    map[uint32]*dataKey
	byTable map[string]*dataKey // the newest of each table
}

func (r *keyring) current(table string) *dataKey {
	if k := r.keys.Load(); k != nil {
		return k.byTable[table]
	}
	return nil
}

func (r *keyring) byID(id uint32) *dataKey {
	if k := r.keys.Load(); k != nil {
		return k.byID[id]
	}
	return nil
}

func (r *keyring) add(k *dataKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &keys{byID: map[uint32]*dataKey{}, byTable: map[string]*dataKey{}}
	if old := r.keys.Load(); old != nil {
		next = &keys{byID: maps.Clone(old.byID), byTable: maps.Clone(old.byTable)}
	}
	next.byID[k.id] = k
	if newest := next.byTable[k.table]; newest == nil || newest.id <= k.id {
		next.byTable[k.table] = k
	}
	r.keys.Store(next)
}

const partKeys = "key" // meta rows: partKeys, id

func dataKeyKey(id uint32) []byte { return spaceKey(spaceMeta, partKeys, int64(id)) }

func (db *DB) dataKeyAAD(table string) []byte {
	return append(append([]byte("garrison data key"), db.head.ID[:]...), table...)
}

// loadDataKey reads and unwraps the key with the given id.
func (db *DB) loadDataKey(ctx context.Context, etx EngineTx, id uint32) (*dataKey, error) {
	raw, err := etx.Get(nil, dataKeyKey(id))
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", id, err)
	}
	var w wrappedKey
	if err := decoding.Unmarshal(raw, &w); err != nil {
		return nil, fmt.Errorf("data key %d: %w: %w", id, ErrCorrupt, err)
	}
	return db.unwrapDataKey(ctx, id, w)
}

func (db *DB) unwrapDataKey(ctx context.Context, id uint32, w wrappedKey) (*dataKey, error) {
	plain, err := db.opts.Root.Unwrap(ctx, db.dataKeyAAD(w.Table), w.Blob)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", id, err)
	}
	return db.addDataKey(id, w.Table, plain)
}

func (db *DB) addDataKey(id uint32, table string, plain []byte) (*dataKey, error) {
	aead, err := newXAES(plain)
	clear(plain)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", id, err)
	}
	k := &dataKey{id: id, table: table, aead: aead}
	db.ring.add(k)
	return k, nil
}

// makeDataKey gives the table a data key, or loads the one that it has.
func (db *DB) makeDataKey(ctx context.Context, table string) error {
	plain := make([]byte, keySize)
	rand.Read(plain)
	blob, err := db.opts.Root.Wrap(ctx, db.dataKeyAAD(table), plain)
	if err != nil {
		return fmt.Errorf("wrap a data key for table %s: %w", table, err)
	}
	etx, err := db.engine.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() { etx.Discard() }()
	if err := etx.Lock(Scope{Table: partKeys}); err != nil {
		return err
	}
	last, found, err := newestKey(etx, table)
	if err != nil {
		return err
	}
	if found != nil {
		etx.Discard()
		_, err := db.unwrapDataKey(ctx, found.id, found.wrappedKey)
		return err
	}
	raw, err := encoding.Marshal(wrappedKey{Table: table, Blob: blob})
	if err != nil {
		return err
	}
	if err := etx.Put(dataKeyKey(last+1), raw); err != nil {
		return err
	}
	if err := etx.Commit(true); err != nil {
		return err
	}
	_, err = db.addDataKey(last+1, table, plain)
	return err
}

// A storedKey is a data key's row with what its place says.
type storedKey struct {
	wrappedKey
	id  uint32
	raw []byte
}

// newestKey returns the last id in use, and the table's newest key if it has one.
func newestKey(etx EngineTx, table string) (last uint32, found *storedKey, err error) {
	all, err := storedKeys(etx)
	if err != nil {
		return 0, nil, err
	}
	for i := range all {
		last = all[i].id
		if all[i].Table == table {
			found = &all[i]
		}
	}
	return last, found, nil
}

// storedKeys returns all data keys by their ids.
func storedKeys(etx EngineTx) ([]storedKey, error) {
	lo := spaceKey(spaceMeta, partKeys)
	var all []storedKey
	for kv, err := range etx.Scan(Bounds{Lo: lo, Hi: tuple.Successor(lo)}) {
		if err != nil {
			return nil, err
		}
		parts, err := tuple.Decode(kv.Key[len(lo):])
		if err != nil || len(parts) != 1 {
			return nil, errors.Join(ErrCorrupt, err)
		}
		id, ok := parts[0].(int64)
		if !ok || id < 0 || id > math.MaxUint32 {
			return nil, fmt.Errorf("the id of a data key: %w", ErrCorrupt)
		}
		k := storedKey{id: uint32(id), raw: bytes.Clone(kv.Value)}
		if err := decoding.Unmarshal(kv.Value, &k.wrappedKey); err != nil {
			return nil, fmt.Errorf("data key %d: %w: %w", id, ErrCorrupt, err)
		}
		all = append(all, k)
	}
	return all, nil
}

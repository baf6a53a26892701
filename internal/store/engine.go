package store

import (
	"cmp"
	"context"
	"iter"
)

// A Rev is a position in the order of a store's commits. Revisions of one store
// compare; what the halves mean is the engine's own affair.
type Rev struct{ Hi, Lo uint64 }

// Compare returns -1, 0 or 1 as r is before, at or after s.
func (r Rev) Compare(s Rev) int {
	if c := cmp.Compare(r.Hi, s.Hi); c != 0 {
		return c
	}
	return cmp.Compare(r.Lo, s.Lo)
}

// A Scope is the unit of conflict: a table and the first part of the keys in
// question (by convention the account). An engine with many writers locks the
// scopes that a transaction names, in the order in which it names them, and
// answers a deadlock with ErrConflict; an engine with one writer ignores them.
type Scope struct {
	Table string
	Part  string // the encoded first part of the key; empty for the whole table
}

// A KV is one stored pair. Both slices belong to the engine and are valid until
// the iteration goes on.
type KV struct{ Key, Value []byte }

// Bounds name the keys from Lo up to but without Hi, in either direction. A nil
// Hi means no upper bound.
type Bounds struct {
	Lo, Hi  []byte
	Reverse bool
}

// An Engine keeps byte keys in order. It knows nothing of tables or sealing.
// The store never uses keys that begin with 00; they are the engine's own.
// Implementations are safe for concurrent use, and a revision names one state
// of the whole key space.
type Engine interface {
	// Begin starts a transaction: for reading a snapshot of what is visible, for
	// writing one that is serializable with all others. A writer may have to wait
	// its turn, until ctx ends. It fails with ErrFull while the disk is full, and
	// for good once the engine has failed.
	Begin(ctx context.Context, write bool) (EngineTx, error)
	// Durable waits until the durable revision is past the one given and returns
	// it: every change up to there is visible to a Begin that follows.
	Durable(ctx context.Context, past Rev) (Rev, error)
	// Sync waits until all that is visible now is durable.
	Sync(ctx context.Context) error
	// Verify reads every stored byte and fails with ErrCorrupt if one has changed.
	Verify(ctx context.Context) error
	// Name says which store this is, in words for an operator: a directory or an address.
	Name() string
	// Stats returns sizes for the metrics.
	Stats() EngineStats
	// Close waits for nothing but its own files. Open transactions must have ended.
	Close() error
}

// An EngineTx is one transaction of an Engine. It is used by one goroutine. The
// writing methods fail with ErrReadOnly on a reading transaction.
type EngineTx interface {
	// Get appends the value to dst, or returns ErrNotFound.
	Get(dst, key []byte) ([]byte, error)
	// Scan yields the pairs within b as they were when it was called, this
	// transaction's earlier writes included. It ends after its first error.
	Scan(b Bounds) iter.Seq2[KV, error]
	// Rev is the revision seen by a reader, and the one that a writer's commit will have.
	Rev() Rev
	// Lock takes a scope before its first key is touched by a writer.
	Lock(s Scope) error
	Put(key, value []byte) error
	Delete(key []byte) error
	DeleteRange(lo, hi []byte) error
	// Commit makes the writes visible, all or none, and lets the next writer in.
	// With sync it then waits until they are durable; an error from there on
	// leaves the outcome open.
	Commit(sync bool) error
	// Discard ends the transaction without its writes. After Commit it does nothing.
	Discard()
	// Barrier waits until all that the transaction can have seen is durable, but
	// for what was committed without sync. It costs nothing when nothing is under
	// way, and may be called after Discard or Commit.
	Barrier(ctx context.Context) error
}

// EngineStats are an engine's figures at one moment.
type EngineStats struct {
	DiskBytes   uint64 // live and obsolete files, the log included
	MemoryBytes uint64 // buffers and caches
	Applied     Rev    // the newest visible revision
	Durable     Rev    // the newest durable revision
	ReadOnly    bool   // the disk is full
}

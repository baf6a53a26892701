package store

import "errors"

// What a caller may branch on. All other errors mean that the store or the
// machine below it is at fault.
var (
	// ErrNotFound: no row has the key, or it has expired.
	ErrNotFound = errors.New("not found")
	// ErrExists: a row has the key, or a unique index has the value.
	ErrExists = errors.New("already exists")
	// ErrReadOnly: a write in a View.
	ErrReadOnly = errors.New("read-only transaction")
	// ErrConflict: the transaction lost against another. Update has already tried again.
	ErrConflict = errors.New("conflict with another transaction")
	// ErrCorrupt: stored bytes are not what was written.
	ErrCorrupt = errors.New("damaged store")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store in use")
	// ErrWrongRoot: the root key is not the one that the store was made with.
	ErrWrongRoot = errors.New("wrong root key")
	// ErrNewer: the store was written by a later version of the program.
	ErrNewer = errors.New("written by a newer garrison")
	// ErrFull: the disk is full; reads go on.
	ErrFull = errors.New("disk full, the store is read-only")
	// ErrTooLarge: a key, a value or a transaction is over its limit.
	ErrTooLarge = errors.New("over the store's limit")
	// ErrFenced: the lease that a transaction requires has passed to another holder.
	ErrFenced = errors.New("lease lost")
	// ErrCompacted: the change log no longer reaches back to the revision; scan the table anew.
	ErrCompacted = errors.New("revision no longer in the change log")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store closed")
)

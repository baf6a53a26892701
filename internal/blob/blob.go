// Package blob keeps bodies that are too large for the store. A body is immutable:
// it is written once under a random id, made durable, and only then named by a row.
// A Depot remembers which ids no row names, so that neither a cut upload nor a crash
// leaves a body behind. The package seals nothing: what it is given is sealed already.
//
//	Depot.Create → Draft: Write… → Commit → Keep in the transaction that names it
//	                               └ Discard, a crash: the body is deleted
package blob

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"time"
)

// An ID names a body. It begins with the time of its making, so that rows under ids
// are added in order; the rest is random.
type ID [16]byte

// timeBytes of an id are milliseconds since 1970.
const timeBytes = 6

// NewID returns an id that nobody has.
func NewID(now time.Time) ID {
	var id ID
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli())) //nolint:gosec // times are after 1970
	copy(id[:timeBytes], ms[2:])
	rand.Read(id[timeBytes:]) //nolint:errcheck // it never fails
	return id
}

// String returns the id in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, errors.New("not a body's id: 32 hexadecimal digits")
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err
}

// IsZero tells that the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ErrNotFound says that there is no body of that id.
var ErrNotFound = errors.New("no such body")

// A Store keeps bodies. Its methods are safe for concurrent use.
type Store interface {
	// Create begins the body of a new id.
	Create(ctx context.Context, id ID) (Writer, error)
	// Open reads n bytes from off, all from there on if n is negative. A body that is
	// shorter ends early. It fails with ErrNotFound.
	Open(ctx context.Context, id ID, off, n int64) (io.ReadCloser, error)
	// Delete deletes a body; one that isn't there is no error.
	Delete(ctx context.Context, id ID) error
	// Quarantine puts a damaged body aside, where Open doesn't find it any more.
	Quarantine(ctx context.Context, id ID) error
}

// A Writer writes one body. Either Commit or Abort ends it.
type Writer interface {
	io.Writer
	// Commit returns once the body survives a power loss.
	Commit() error
	// Abort leaves nothing of the body.
	Abort()
}

package blob

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// reserveStep is how many ids are reserved at once: one durable write for so many
// bodies.
const reserveStep = 128

// A loose row is an id that no row names: of a body that is being written, or that is
// to be deleted.
type loose struct {
	ID ID `cbor:"1,keyasint"`
}

var looseIDs = store.NewTable("blob.loose",
	func(l *loose) store.Key { return store.K(l.ID[:]) }, store.Unwatched[loose]())

// A Depot keeps the bodies that rows of one database name. Its methods are safe for
// concurrent use; only one process may use the database.
type Depot struct {
	store Store
	db    *store.DB
	clock clock.Clock
	log   *slog.Logger
	wake  chan struct{} // has room for one

	mu sync.Mutex // guards the fields below
	// spare are reserved ids; drafts are those and the ids of bodies being written.
	spare  []ID
	drafts map[ID]bool
	// held counts the readers of a body: it isn't deleted under them.
	held map[ID]int
}

// Config says what a Depot is made of. All fields are required.
type Config struct {
	Store  Store
	DB     *store.DB
	Clock  clock.Clock
	Logger *slog.Logger
}

// NewDepot returns a Depot.
func NewDepot(c Config) *Depot {
	return &Depot{
		store: c.Store, db: c.DB, clock: c.Clock, log: c.Logger, wake: make(chan struct{}, 1),
		drafts: map[ID]bool{}, held: map[ID]int{},
	}
}

// A Draft is a body that is being written, and that no row names yet.
type Draft struct {
	Writer
	ID    ID
	depot *Depot
	ended bool
}

// Create begins a body. Release must be called when all is done with it.
func (d *Depot) Create(ctx context.Context) (*Draft, error) {
	id, err := d.Reserve(ctx)
	if err != nil {
		return nil, err
	}
	w, err := d.store.Create(ctx, id)
	if err != nil {
		d.release(id)
		return nil, err
	}
	return &Draft{Writer: w, ID: id, depot: d}, nil
}

// Commit makes the body durable. It has then to be kept.
func (f *Draft) Commit() error {
	f.ended = true
	return f.Writer.Commit()
}

// Release ends the draft: a body that no committed transaction has kept is deleted.
func (f *Draft) Release() {
	if !f.ended {
		f.Abort()
	}
	f.depot.release(f.ID)
}

// Keep says in a transaction that one of its rows names the body from now on.
func (d *Depot) Keep(tx *store.Tx, id ID) error { return looseIDs.Drop(tx, id[:]) }

// Loose says in a transaction that no row names the body any more. It is deleted
// once nobody reads it.
func (d *Depot) Loose(tx *store.Tx, id ID) error {
	return looseIDs.Add(tx, &loose{ID: id})
}

// Wake has loose bodies deleted now. It is for after the commit of a Loose.
func (d *Depot) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Reserve takes an id for a body that somebody else than Create writes. It ends by
// Release of the id.
func (d *Depot) Reserve(ctx context.Context) (ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spare) == 0 {
		if err := d.reserve(ctx); err != nil {
			return ID{}, err
		}
	}
	id := d.spare[len(d.spare)-1]
	d.spare = d.spare[:len(d.spare)-1]
	return id, nil
}

// reserve notes new ids as loose before any body is written under them.
func (d *Depot) reserve(ctx context.Context) error {
	ids := make([]ID, reserveStep)
	for i := range ids {
		ids[i] = NewID(d.clock.Now())
		d.drafts[ids[i]] = true // before a sweep can see them
	}
	err := d.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := looseIDs.Add(tx, &loose{ID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, id := range ids {
			delete(d.drafts, id)
		}
		return err
	}
	d.spare = ids
	return nil
}

func (d *Depot) release(id ID) {
	d.mu.Lock()
	delete(d.drafts, id)
	d.mu.Unlock()
}

// Open reads a body, see Store. A body isn't deleted before the reader is closed.
func (d *Depot) Open(ctx context.Context, id ID, off, n int64) (io.ReadCloser, error) {
	d.Hold(id)
	r, err := d.store.Open(ctx, id, off, n)
	if err != nil {
		d.Unhold(id)
		return nil, err
	}
	return &heldReader{ReadCloser: r, depot: d, id: id}, nil
}

// Hold keeps bodies from being deleted until as many calls of Unhold. A reader of
// several holds them all before it opens the first.
func (d *Depot) Hold(ids ...ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.held[id]++
	}
}

// Unhold undoes Hold.
func (d *Depot) Unhold(ids ...ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if d.held[id]--; d.held[id] <= 0 {
			delete(d.held, id)
		}
	}
}

type heldReader struct {
	io.ReadCloser
	depot *Depot
	id    ID
	once  sync.Once
}

// Close implements io.Closer.
func (r *heldReader) Close() error {
	r.once.Do(func() { r.depot.Unhold(r.id) })
	return r.ReadCloser.Close()
}

// Quarantine puts a damaged body aside and says so in the log.
func (d *Depot) Quarantine(ctx context.Context, id ID, cause error) {
	err := d.store.Quarantine(ctx, id)
	d.log.ErrorContext(ctx, "a body is damaged and was put into quarantine: restore it from a backup or a replica",
		"body", id.String(), "cause", cause.Error(), "quarantined", err == nil)
}

// sweepEvery is how often loose bodies are looked for that nobody called Wake for.
const sweepEvery = time.Minute

// Run deletes loose bodies until ctx ends.
func (d *Depot) Run(ctx context.Context) error {
	for {
		if err := d.sweep(ctx); err != nil && !errors.Is(err, store.ErrFull) {
			return err
		}
		if err := d.wait(ctx); err != nil {
			return err
		}
	}
}

func (d *Depot) wait(ctx context.Context) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- d.clock.Until(waiting, d.clock.Now().Add(sweepEvery)) }()
	select {
	case err := <-done:
		return err
	case <-d.wake:
		stop()
		<-done //nolint:errcheck // it says that the wait was stopped
		return ctx.Err()
	}
}

// sweepStep bounds what one transaction of a sweep forgets.
const sweepStep = 500

// sweep deletes the bodies of loose ids that nobody writes or reads.
func (d *Depot) sweep(ctx context.Context) error {
	var after store.Key
	for {
		ids, next, err := d.candidates(ctx, after)
		if err != nil || len(ids) == 0 && next == nil {
			return err
		}
		if err := d.forget(ctx, ids); err != nil {
			return err
		}
		if next == nil {
			return nil
		}
		after = next
	}
}

// candidates returns loose ids that may go, and where to read on, nil at the end. An id
// that is no draft before it is read as loose can't become one, nor be kept.
func (d *Depot) candidates(ctx context.Context, after store.Key) (ids []ID, next store.Key, err error) {
	d.mu.Lock()
	busy := make(map[ID]bool, len(d.drafts)+len(d.held))
	for id := range d.drafts {
		busy[id] = true
	}
	for id := range d.held {
		busy[id] = true
	}
	d.mu.Unlock()
	err = d.db.View(ctx, func(tx *store.Tx) error {
		ids, next = nil, nil
		for row, err := range looseIDs.Scan(tx, store.Range{After: after, Limit: sweepStep}) {
			if err != nil {
				return err
			}
			next = store.K(row.ID[:])
			if !busy[row.ID] {
				ids = append(ids, row.ID)
			}
		}
		return nil
	})
	return ids, next, err
}

// forget deletes bodies, and then the rows that remember them.
func (d *Depot) forget(ctx context.Context, ids []ID) error {
	gone := ids[:0]
	for _, id := range ids {
		if err := d.store.Delete(ctx, id); err != nil {
			d.log.WarnContext(ctx, "a body could not be deleted; it will be tried again", "body", id.String(), "error", err.Error())
			continue
		}
		gone = append(gone, id)
	}
	if len(gone) == 0 {
		return nil
	}
	return d.db.Update(ctx, func(tx *store.Tx) error {
		for _, id := range gone {
			if err := looseIDs.Drop(tx, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

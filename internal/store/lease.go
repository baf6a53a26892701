package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// A Lease says that its holder alone does a job, for a while. Time alone can't
// promise that, since a holder may be paused for longer than the lease lasts: so
// each holder has an epoch, and every write of the job names the lease by
// Tx.Require, which refuses an epoch that has passed.
type Lease struct {
	db  *DB
	row leaseRow
	ttl time.Duration
}

type leaseRow struct {
	Name    string
	Epoch   uint64
	Holder  string
	Expires time.Time // zero once released
}

var leases = NewTable("store.lease", func(l *leaseRow) Key { return K(l.Name) }, Unwatched[leaseRow]())

var errHeld = errors.New("lease held")

// Acquire takes the named lease for ttl. While another holds it, Acquire waits,
// and looks again when the lease runs out or a third of ttl has passed.
func (db *DB) Acquire(ctx context.Context, name string, ttl time.Duration) (*Lease, error) {
	l := &Lease{db: db, ttl: ttl, row: leaseRow{Name: name, Holder: rand.Text()}}
	for {
		err := db.Update(ctx, l.take)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, errHeld) {
			return nil, fmt.Errorf("acquire lease %s: %w", name, err)
		}
		if err := db.opts.Clock.Until(ctx, db.opts.Clock.Now().Add(ttl/3)); err != nil {
			return nil, err
		}
	}
}

func (l *Lease) take(tx *Tx) error {
	held, err := leases.Get(tx, l.row.Name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if held == nil {
		held = new(leaseRow)
	}
	if held.Expires.After(tx.Now()) {
		return errHeld
	}
	l.row.Epoch, l.row.Expires = held.Epoch+1, tx.Now().Add(l.ttl)
	return leases.Put(tx, &l.row)
}

// Epoch returns the holder's number. Each later holder has a higher one.
func (l *Lease) Epoch() uint64 { return l.row.Epoch }

// Renew makes the lease last ttl from now on. It fails with ErrFenced once another
// has taken it.
func (l *Lease) Renew(ctx context.Context) error {
	row := l.row
	err := l.db.Update(ctx, func(tx *Tx) error {
		row = l.row
		row.Expires = tx.Now().Add(l.ttl)
		if err := tx.Require(l); err != nil {
			return err
		}
		return leases.Put(tx, &row)
	})
	if err == nil {
		l.row = row
	}
	return err
}

// Release lets the next one have the lease at once. Having lost it is no error.
func (l *Lease) Release(ctx context.Context) error {
	err := l.db.Update(ctx, func(tx *Tx) error {
		if err := tx.Require(l); err != nil {
			return err
		}
		row := l.row
		row.Expires = time.Time{}
		return leases.Put(tx, &row)
	})
	if errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}

// Require makes the transaction fail with ErrFenced unless l is still the newest
// epoch of its lease.
func (tx *Tx) Require(l *Lease) error {
	row, err := leases.Get(tx, l.row.Name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if row == nil || row.Epoch != l.row.Epoch || row.Holder != l.row.Holder {
		return tx.failed(fmt.Errorf("lease %s, epoch %d: %w", l.row.Name, l.row.Epoch, ErrFenced))
	}
	return nil
}

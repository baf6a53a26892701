// Package jobs does background work when its time has come: rotations, expiries,
// ends of windows. It looks for nothing: what is next is the first row of an index,
// and until then it sleeps. It refuses to give up on a full disk.
//
//	Worker.Run → each job: index → row that is due → do → sleep until the next, or Wake
package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// idleWait is how long a worker sleeps when nothing is planned: any change wakes it.
	idleWait = 365 * 24 * time.Hour
	// fullWait is how long it waits for space on a full disk.
	fullWait = time.Minute
)

// A Job does all that is due, and returns when the next thing will be; the zero time
// says that nothing is planned.
type Job func(ctx context.Context) (next time.Time, err error)

// A Worker does jobs at their times. Its methods are safe for concurrent use.
type Worker struct {
	clock   clock.Clock
	jobs    []Job
	changed chan struct{} // has room for one
}

// New returns a Worker of the jobs, which it does one after the other.
func New(c clock.Clock, jobs ...Job) *Worker {
	return &Worker{clock: c, jobs: jobs, changed: make(chan struct{}, 1)}
}

// Wake has the worker look at once: something was planned, or called off.
func (w *Worker) Wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, whose error it then returns, or until a job fails by
// anything but a full disk.
func (w *Worker) Run(ctx context.Context) error {
	for {
		next, err := w.Do(ctx)
		if errors.Is(err, store.ErrFull) {
			next, err = w.clock.Now().Add(fullWait), nil
		}
		if err != nil {
			return err
		}
		if err := w.sleep(ctx, next); err != nil {
			return err
		}
	}
}

// Do does all that is due, and returns when the next thing will be.
func (w *Worker) Do(ctx context.Context) (time.Time, error) {
	next := w.clock.Now().Add(idleWait)
	for _, do := range w.jobs {
		at, err := do(ctx)
		if err != nil {
			return next, err
		}
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next, nil
}

// sleep waits for t, or for a change of the plan.
func (w *Worker) sleep(ctx context.Context, t time.Time) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- w.clock.Until(waiting, t) }()
	select {
	case err := <-done:
		return err
	case <-w.changed:
		stop()
		<-done //nolint:errcheck // it says that the wait was stopped
		return nil
	}
}

// A Duty is what to do with rows at the times that an index orders them by. What is
// done must take the row out of the index, or move it on.
type Duty[T any] struct {
	DB    *store.DB
	Clock clock.Clock
	Table *store.Table[T]
	// Index orders the rows by their time; rows that have none are not in it.
	Index string
	// At is that time.
	At func(*T) time.Time
	// Do is what is done then. The row is as it was read: Do reads it again in its
	// transaction.
	Do func(context.Context, *T) error
}

// Job does the duty for each row that is due.
func (d Duty[T]) Job() Job {
	return func(ctx context.Context) (time.Time, error) {
		for {
			row, err := d.first(ctx)
			if row == nil || err != nil {
				return time.Time{}, err
			}
			at := d.At(row)
			if d.Clock.Now().Before(at) {
				return at, nil
			}
			if err := d.Do(ctx, row); err != nil {
				return at, err
			}
		}
	}
}

// first is the row whose time comes first, or nil.
func (d Duty[T]) first(ctx context.Context) (first *T, err error) {
	err = d.DB.View(ctx, func(tx *store.Tx) error {
		first = nil
		for row, err := range d.Table.ScanIndex(tx, d.Index, store.Range{Limit: 1}) {
			if err != nil {
				return err
			}
			first = row
		}
		return nil
	})
	return first, err
}

package kms

import (
	"context"
	"errors"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/store"
)

// idleWait is how long Run sleeps when nothing is planned: any change wakes it.
const idleWait = 365 * day

// fullWait is how long Run waits for space on a full disk. The keys that are due
// to go are as good as gone meanwhile.
const fullWait = time.Minute

// Run destroys keys, rotates them and takes imported material away when the time
// has come, and connects custom key stores, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.doAlways(ctx) })
	g.Go(func() error { return s.connectStores(ctx) })
	return g.Wait()
}

// doAlways does what is due, and sleeps until the next thing is.
func (s *Service) doAlways(ctx context.Context) error {
	for {
		next, err := s.doDue(ctx)
		if errors.Is(err, store.ErrFull) {
			next, err = s.clock.Now().Add(fullWait), nil
		}
		if err != nil {
			return err
		}
		if err := s.sleep(ctx, next); err != nil {
			return err
		}
	}
}

// sleep waits for t, or for a change of the plan.
func (s *Service) sleep(ctx context.Context, t time.Time) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.clock.Until(waiting, t) }()
	select {
	case err := <-done:
		return err
	case <-s.changed:
		stop()
		<-done //nolint:errcheck // it says that the wait was stopped
		return nil
	}
}

func (s *Service) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// doDue does all that is due, and returns when the next thing will be.
func (s *Service) doDue(ctx context.Context) (time.Time, error) {
	next := s.clock.Now().Add(idleWait)
	for _, do := range []func(context.Context) (time.Time, error){s.doDeletions, s.doRotations, s.doExpiries} {
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

func (s *Service) doDeletions(ctx context.Context) (time.Time, error) {
	return doEach(ctx, s, duty[key]{keys, "deletion", func(k *key) time.Time { return k.DeletionAt }, s.destroy})
}

func (s *Service) doRotations(ctx context.Context) (time.Time, error) {
	return doEach(ctx, s, duty[key]{keys, "rotation", func(k *key) time.Time { return k.Rotation.Next }, s.rotateDue})
}

func (s *Service) doExpiries(ctx context.Context) (time.Time, error) {
	return doEach(ctx, s, duty[generation]{generations, "expiry", func(g *generation) time.Time { return g.Expires }, s.expireDue})
}

// A duty is what to do with rows at the times that an index orders them by. What
// is done must take the row out of the index, or move it on.
type duty[T any] struct {
	table *store.Table[T]
	index string
	at    func(*T) time.Time
	do    func(context.Context, *T) error
}

// doEach does what is due of a duty, and returns when the next is: zero if there
// is none.
func doEach[T any](ctx context.Context, s *Service, d duty[T]) (time.Time, error) {
	for {
		row, err := d.first(ctx, s.db)
		if row == nil || err != nil {
			return time.Time{}, err
		}
		at := d.at(row)
		if s.clock.Now().Before(at) {
			return at, nil
		}
		if err := d.do(ctx, row); err != nil {
			return at, err
		}
	}
}

func (d duty[T]) first(ctx context.Context, db *store.DB) (first *T, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		first = nil
		for row, err := range d.table.ScanIndex(tx, d.index, store.Range{Limit: 1}) {
			if err != nil {
				return err
			}
			first = row
		}
		return nil
	})
	return first, err
}

// collect reads a scan to its end, so that its rows may then be changed.
func collect[T any](rows iter.Seq2[*T, error]) ([]*T, error) {
	var out []*T
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

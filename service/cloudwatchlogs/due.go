package cloudwatchlogs

import (
	"context"
	"errors"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// idleWait is how long Run sleeps when no group has a retention: any that is set
	// wakes it.
	idleWait = 365 * 24 * time.Hour
	// sweepEvery is how often groups with a retention are looked through. What has
	// expired is not read meanwhile.
	sweepEvery = time.Hour
)

// Run removes events whose retention has passed, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		next := s.Clock.Now().Add(sweepEvery)
		some, err := s.sweepAll(ctx)
		if errors.Is(err, store.ErrFull) {
			some, err = true, nil
		}
		if err != nil {
			return err
		}
		if !some {
			next = s.Clock.Now().Add(idleWait)
		}
		if err := s.sleep(ctx, next); err != nil {
			return err
		}
	}
}

// sleep waits for t, or for a retention to be set.
func (s *Service) sleep(ctx context.Context, t time.Time) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Clock.Until(waiting, t) }()
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

// sweepAll looks through all groups with a retention, and tells whether there are any.
func (s *Service) sweepAll(ctx context.Context) (some bool, err error) {
	var list []*group
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		list, err = store.Collect(groups.ScanIndex(tx, "retention", store.Range{}))
		return err
	})
	for _, g := range list {
		if err == nil {
			err = s.sweep(ctx, g)
		}
	}
	return len(list) > 0, err
}

// sweep removes the blocks of a group all of whose events have expired.
func (s *Service) sweep(ctx context.Context, g *group) error {
	cutoff := g.oldest(s.Clock.Now())
	all := store.K(g.Account, g.Name)
	var after store.Key
	for more := true; more; {
		next := after
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			now, err := groups.Get(tx, g.Account, g.Name)
			if more = err == nil && now.Retention == g.Retention; !more {
				return unlessGone(err) // another sweep will come for what it is now
			}
			rows, err := store.Collect(blocks.ScanIndex(tx, "group", store.Range{Prefix: all, To: store.K(all, cutoff), After: after, Limit: perTx}))
			for _, b := range rows {
				if b.Last < cutoff {
					err = errors.Join(err, dropBlock(tx, b))
				}
			}
			if more = len(rows) == perTx; more {
				last := rows[perTx-1]
				next = blocks.IndexAfter(store.K(last.Account, last.Group, last.First), last)
			}
			return err
		})
		if err != nil {
			return err
		}
		after = next
	}
	return nil
}

// unlessGone takes what is no longer there for done.
func unlessGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

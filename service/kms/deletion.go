package kms

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// idleWait is how long Run sleeps when nothing is pending: any change wakes it.
const idleWait = 365 * day

// fullWait is how long Run waits for space on a full disk. The keys that are due
// are as good as gone meanwhile.
const fullWait = time.Minute

// Run destroys keys when their windows have passed, until ctx ends. It sleeps
// until the next one is due.
func (s *Service) Run(ctx context.Context) error {
	for {
		next, err := s.destroyDue(ctx)
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

// destroyDue destroys every key that is due, and returns when the next one is.
func (s *Service) destroyDue(ctx context.Context) (time.Time, error) {
	for {
		k, err := s.firstPending(ctx)
		if err != nil {
			return time.Time{}, err
		}
		now := s.clock.Now()
		if k == nil {
			return now.Add(idleWait), nil
		}
		if !k.gone(now) {
			return k.DeletionAt, nil
		}
		if err := s.destroy(ctx, k); err != nil {
			return time.Time{}, err
		}
	}
}

// firstPending is the key whose deletion is due first, or nil.
func (s *Service) firstPending(ctx context.Context) (first *key, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		first = nil
		for k, err := range keys.ScanIndex(tx, "deletion", store.Range{Limit: 1}) {
			if err != nil {
				return err
			}
			first = k
		}
		return nil
	})
	return first, err
}

// destroy removes a key, its grants, material and aliases for ever, unless its
// deletion was cancelled meanwhile.
func (s *Service) destroy(ctx context.Context, due *key) error {
	if err := s.dropGrants(ctx, due); err != nil {
		return err
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := keys.Get(tx, due.Account, due.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && !k.gone(tx.Now()) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := dropMaterial(tx, k); err != nil {
			return err
		}
		if err := dropAliases(tx, k); err != nil {
			return err
		}
		return keys.Delete(tx, k.Account, k.ID)
	})
	if err == nil {
		s.materials.Forget(materialName{due.Account, due.ID, due.MaterialID}, (*seal.Material).Erase)
	}
	return err
}

func dropMaterial(tx *store.Tx, k *key) error {
	rows, err := collect(materialRows.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil {
		return err
	}
	for _, m := range rows {
		if err := materialRows.Delete(tx, m.Account, m.KeyID, m.MaterialID); err != nil {
			return err
		}
	}
	return nil
}

func dropAliases(tx *store.Tx, k *key) error {
	rows, err := collect(aliases.ScanIndex(tx, "key", store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil {
		return err
	}
	for _, a := range rows {
		if err := aliases.Delete(tx, a.Account, a.Name); err != nil {
			return err
		}
	}
	return nil
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

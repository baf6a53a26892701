package ssm

import (
	"context"
	"slices"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Run does what parameter policies say when their time has come, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.worker.Run(ctx) }

// doDue does all that is due, and returns when the next thing will be: zero if
// nothing is planned.
func (s *Service) doDue(ctx context.Context) (next time.Time, err error) {
	for {
		first, err := s.planned(ctx)
		if err != nil || len(first) == 0 {
			return next, err
		}
		now := s.clock.Now()
		if at := first[0].due(); now.Before(at) {
			return at, nil
		}
		if err := s.enforceAll(ctx, first, now); err != nil {
			return time.Time{}, err
		}
	}
}

// atOnce is how many parameters one transaction takes care of: with all their
// versions they are within its limits.
const atOnce = 32

// planned are the parameters that are due first, due yet or not.
func (s *Service) planned(ctx context.Context) (first []*parameter, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		first = first[:0]
		for p, err := range parameters.ScanIndex(tx, "due", store.Range{Limit: atOnce}) {
			if err != nil {
				return err
			}
			first = append(first, p)
		}
		return nil
	})
	return first, err
}

func (s *Service) enforceAll(ctx context.Context, rows []*parameter, now time.Time) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, p := range rows {
			if now.Before(p.due()) {
				return nil // and so are all that follow
			}
			if err := s.enforce(tx, p.Account, p.Path); err != nil {
				return err
			}
		}
		return nil
	})
}

// enforce does what is due of one parameter, if it still is: another may have done
// it, or changed the parameter.
func (s *Service) enforce(tx *store.Tx, account, path string) error {
	p, err := parameters.Get(tx, account, path)
	if err != nil {
		return or(nil, err)
	}
	return s.fire(tx, p)
}

// fire does what is due of p: it tells of it, and deletes what has expired.
func (s *Service) fire(tx *store.Tx, p *parameter) error {
	p.Rules = slices.Clone(p.Rules)
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Done || tx.Now().Before(r.Due) {
			continue
		}
		r.Done = true
		if err := s.tellRule(tx, p, r); err != nil {
			return err
		}
	}
	if p.gone(tx.Now()) {
		return s.discard(tx, p)
	}
	return parameters.Put(tx, p)
}

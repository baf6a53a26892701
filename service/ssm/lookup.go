package ssm

import (
	"context"
	"errors"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// find reads the parameter that r refers to; store.ErrNotFound if there is none.
func (r *reference) find(tx *store.Tx) (*parameter, error) {
	p, err := parameters.Get(tx, r.account, r.path())
	if err != nil {
		return nil, err
	}
	if !r.leadsTo(p) || p.gone(tx.Now()) {
		return nil, store.ErrNotFound
	}
	return p, nil
}

// read is find in a transaction of its own. The row must not be changed.
func (s *Service) read(ctx context.Context, r *reference) (p *parameter, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = r.find(tx)
		return err
	})
	return p, err
}

// own is the reference to a parameter of the caller's account by its name, which
// is all that an operation that changes one takes.
func (s *Service) own(ctx context.Context, given string) (reference, error) {
	account := wire.CallFrom(ctx).Account()
	r := s.refer(account, given)
	if r.byARN {
		return r, invalid("Parameter name can't be an ARN: only the name itself can be given.")
	}
	if r.selector != "" {
		return r, invalid(pathMessage)
	}
	return r, r.check()
}

// edit changes a parameter of the caller's account in one transaction.
func (s *Service) edit(ctx context.Context, r *reference, change func(*store.Tx, *parameter) error) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.find(tx)
		if err != nil {
			return err
		}
		if err := change(tx, p); err != nil {
			return err
		}
		return parameters.Put(tx, p)
	})
}

// or answers fault in place of a row that is not there.
func or(fault error, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault
	}
	return err
}

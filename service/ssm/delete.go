package ssm

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/garrison-cloud/garrison/internal/store"
)

// DeleteParameter deletes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	deleted, _, err := s.deleteAll(ctx, []string{*in.Name})
	if err != nil {
		return nil, err
	}
	if len(deleted) == 0 {
		return nil, missing()
	}
	return &ssm.DeleteParameterOutput{}, nil
}

// DeleteParameters deletes several, and tells which were not there.
func (s *Service) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	deleted, lost, err := s.deleteAll(ctx, in.Names)
	if err != nil {
		return nil, err
	}
	return &ssm.DeleteParametersOutput{DeletedParameters: deleted, InvalidParameters: lost}, nil
}

func (s *Service) deleteAll(ctx context.Context, names []string) (deleted, lost []string, err error) {
	refs := make([]reference, 0, len(names))
	for _, name := range names {
		r, err := s.own(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		refs = append(refs, r)
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		deleted, lost = []string{}, []string{}
		for i := range refs {
			p, err := refs[i].find(tx)
			switch {
			case errors.Is(err, store.ErrNotFound):
				lost = append(lost, refs[i].given)
				continue
			case err != nil:
				return err
			}
			if err := s.discard(tx, p); err != nil {
				return err
			}
			deleted = append(deleted, p.name())
		}
		return nil
	})
	return deleted, lost, err
}

// discard removes a parameter and tells of it.
func (s *Service) discard(tx *store.Tx, p *parameter) error {
	if err := p.remove(tx); err != nil {
		return err
	}
	return s.tellChange(tx, p, "Delete")
}

// remove takes a parameter and its versions away.
func (p *parameter) remove(tx *store.Tx) error {
	for n := p.Oldest; n < p.Latest.Number; n++ {
		if err := versions.Delete(tx, p.Account, p.Path, n); err != nil {
			return err
		}
	}
	if err := count(tx, p, -1); err != nil {
		return err
	}
	return parameters.Delete(tx, p.Account, p.Path)
}

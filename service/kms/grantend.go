package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// checkGrantID holds an id to the form of those that CreateGrant gives.
func checkGrantID(id string) error {
	if len(id) != 2*grantSecret || !isHex(id) {
		return &types.InvalidGrantIdException{Message: aws.String("Invalid grant ID " + id)}
	}
	return nil
}

func missingGrant(id string) error { return notFound("Grant ID %s not found", id) }

// findGrant reads a grant by its key and id, or answers AWS's error.
func (s *Service) findGrant(ctx context.Context, keyID, id *string) (reference, *grant, error) {
	r, err := s.parseGrantKey(ctx, *keyID)
	if err != nil {
		return r, nil, err
	}
	if err := checkGrantID(*id); err != nil {
		return r, nil, err
	}
	if _, err := s.read(ctx, r); err != nil {
		return r, nil, err
	}
	var g *grant
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		g, err = r.grant(tx, *id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = missingGrant(*id)
	}
	return r, g, err
}

// RevokeGrant ends a grant, by the permission of those who administer the key.
func (s *Service) RevokeGrant(ctx context.Context, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	r, g, err := s.findGrant(ctx, in.KeyId, in.GrantId)
	if err != nil {
		return nil, err
	}
	if err := s.end(ctx, r, g, in.DryRun); err != nil {
		return nil, err
	}
	return &kms.RevokeGrantOutput{}, nil
}

// RetireGrant ends a grant, by the permission that the grant itself gives.
func (s *Service) RetireGrant(ctx context.Context, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	r, g, err := s.toRetire(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.end(ctx, r, g, in.DryRun); err != nil {
		return nil, err
	}
	return &kms.RetireGrantOutput{}, nil
}

func (s *Service) end(ctx context.Context, r reference, g *grant, dryRun *bool) error {
	if err := checkDryRun(dryRun); err != nil {
		return err
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error { return r.remove(tx, g.ID) })
	if errors.Is(err, store.ErrNotFound) { // another call was first
		return missingGrant(g.ID)
	}
	return err
}

// toRetire finds the grant that a token names, or a key and an id. The grant is
// nil if there is none by the id.
func (s *Service) toRetire(ctx context.Context, in *kms.RetireGrantInput) (reference, *grant, error) {
	switch {
	case in.GrantToken != nil && in.KeyId == nil && in.GrantId == nil:
		var g *grant
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			g, err = byToken(tx, *in.GrantToken)
			return err
		})
		if err != nil {
			return reference{}, nil, err
		}
		return reference{account: g.Account, id: g.KeyID}, g, nil
	case in.GrantToken == nil && in.KeyId != nil && in.GrantId != nil:
		return s.findGrant(ctx, in.KeyId, in.GrantId)
	default:
		return reference{}, nil, invalid("You must specify either a grant token, or both a key ID and a grant ID.")
	}
}

// dropped is how many grants one transaction takes away from a destroyed key.
const dropped = 500

// dropGrants removes the grants of a key that is gone, in as many transactions as
// it takes: nothing finds them meanwhile, and nobody can add to them.
func (s *Service) dropGrants(ctx context.Context, due *key) error {
	for more := true; more; {
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = dropSomeGrants(tx, due)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropSomeGrants reports whether there may be more.
func dropSomeGrants(tx *store.Tx, due *key) (more bool, err error) {
	k, err := keys.Get(tx, due.Account, due.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !k.gone(tx.Now()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rows, err := store.Collect(grants.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID), Limit: dropped}))
	if err != nil {
		return false, err
	}
	for _, g := range rows {
		if err := grants.Delete(tx, g.Account, g.KeyID, g.ID); err != nil {
			return false, err
		}
	}
	return len(rows) == dropped, nil
}

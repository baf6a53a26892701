package kms

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/store"
)

// MaterialIDs lists the material that an account's keys have, destroyed keys' too.
func (s *Service) MaterialIDs(ctx context.Context, account string) ([]string, error) {
	var ids []string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		ids = nil
		for m, err := range materialRows.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			ids = append(ids, m.KeyID)
		}
		return nil
	})
	return ids, err
}

// IsKeyID is isKeyID.
var IsKeyID = isKeyID

// MaxGrants is maxGrants.
const MaxGrants = maxGrants

// MaxHot is maxHot.
const MaxHot = maxHot

// SetGrants changes how many grants a key is said to have.
func (s *Service) SetGrants(ctx context.Context, account, id string, n int) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := keys.Get(tx, account, id)
		if err != nil {
			return err
		}
		k.Grants = n
		return keys.Put(tx, k)
	})
}

// GrantIDs lists the grants that an account's keys have, destroyed keys' too.
func (s *Service) GrantIDs(ctx context.Context, account string) ([]string, error) {
	var ids []string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		ids = nil
		for g, err := range grants.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			ids = append(ids, g.ID)
		}
		return nil
	})
	return ids, err
}

// DoDue does what is due.
func (s *Service) DoDue(ctx context.Context) error {
	_, err := s.worker.Do(ctx)
	return err
}

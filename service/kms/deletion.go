package kms

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/store"
)

// destroy removes a key, its grants, materials and aliases for ever, unless its
// deletion was cancelled meanwhile. The primary learns that its replica is gone.
func (s *Service) destroy(ctx context.Context, due *key) error {
	if err := s.dropAround(ctx, due); err != nil {
		return err
	}
	var erased []string
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := keys.Get(tx, due.Account, due.ID)
		if err != nil {
			return unlessMissing(err)
		}
		if !k.gone(tx.Now()) {
			return nil
		}
		if erased, err = dropMaterial(tx, k); err != nil {
			return err
		}
		if err := dropGenerations(tx, k); err != nil {
			return err
		}
		if err := dropAliases(tx, k); err != nil {
			return err
		}
		if !k.Multi.primary(k.Region) {
			if err := k.send(tx, k.Multi.Primary, letter{Removed: true}); err != nil {
				return err
			}
		}
		if err := s.record(tx, k, "DeleteKey", nil); err != nil {
			return err
		}
		return keys.Delete(tx, k.Account, k.ID)
	})
	if err != nil {
		return err
	}
	for _, id := range erased {
		s.forget(due, id)
	}
	return nil
}

// dropAround removes what one transaction cannot: a key may have many grants, and
// may lie in a custom key store.
func (s *Service) dropAround(ctx context.Context, due *key) error {
	if err := s.dropGrants(ctx, due); err != nil {
		return err
	}
	return s.destroyOutside(ctx, due)
}

// dropMaterial removes the key's materials, and returns their ids.
func dropMaterial(tx *store.Tx, k *key) (ids []string, err error) {
	rows, err := store.Collect(materialRows.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil {
		return nil, err
	}
	for _, m := range rows {
		clear(m.Bytes)
		ids = append(ids, m.MaterialID)
		if err := materialRows.Delete(tx, m.Account, m.KeyID, m.MaterialID); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func dropAliases(tx *store.Tx, k *key) error {
	rows, err := store.Collect(aliases.ScanIndex(tx, "key", store.Range{Prefix: store.K(k.Account, k.ID)}))
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

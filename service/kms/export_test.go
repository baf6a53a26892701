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

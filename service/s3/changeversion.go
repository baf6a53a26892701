package s3

import (
	"context"
	"errors"

	"github.com/garrison-cloud/garrison/internal/store"
)

// changeVersion changes what is said of a version, in place: its tags, its lock. The
// bytes stay. id nil is the newest. What is absent is told as a read tells it.
func (s *Service) changeVersion(ctx context.Context, h *held, key string, id *string, change func(tx *store.Tx, v *version) error) (out *version, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		v, err := lookup(tx, h, key, id)
		if err != nil {
			return err
		}
		if err := change(tx, v); err != nil {
			return err
		}
		out = v
		return save(tx, v)
	})
	if err != nil {
		return nil, s.absence(ctx, h, err)
	}
	return out, nil
}

// save writes a version back to where it lies.
func save(tx *store.Tx, v *version) error {
	first, err := objects.Get(tx, v.Bucket, v.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if first != nil && first.Order == v.Order {
		return objects.Put(tx, v)
	}
	return versions.Put(tx, v)
}

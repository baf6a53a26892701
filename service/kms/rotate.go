package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// rotate turns the key to fresh material, or to what was imported for it. Where
// there are replicas, the key first waits until all of them have the material: so
// what is sealed in one Region opens in every other.
func (s *Service) rotate(tx *store.Tx, k *key, fresh *material, how types.RotationType) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	if k.origin() == types.OriginTypeExternal {
		return s.rotateImported(tx, k, h)
	}
	g := h.next(k)
	g.MaterialID, g.How = fresh.MaterialID, how
	if err := materialRows.Insert(tx, fresh); err != nil {
		return err
	}
	h = append(h, g)
	if !k.Multi.waits(k.Region) {
		return s.turn(tx, k, h, g)
	}
	r := k.plan()
	r.Started, r.How, k.Multi.Installed = tx.Now(), how, nil
	if err := h.put(tx, k); err != nil {
		return err
	}
	return k.share(tx, fresh)
}

// rotateImported turns the key to the material that was imported for it, which
// every replica has by then.
func (s *Service) rotateImported(tx *store.Tx, k *key, h history) error {
	g := h.waiting()
	if g == nil || g.State != types.KeyMaterialStatePendingRotation {
		return invalidState("%s has no imported key material that is pending rotation.", k.arn())
	}
	g.How = types.RotationTypeOnDemand
	if err := s.turn(tx, k, h, g); err != nil {
		return err
	}
	return k.share(tx)
}

// turn makes g the material that the key seals with from now on, and says so.
func (s *Service) turn(tx *store.Tx, k *key, h history, g *generation) error {
	before := k.MaterialID
	h.turn(g, tx.Now())
	if err := h.put(tx, k); err != nil {
		return err
	}
	return s.record(tx, k, "RotateKey", map[string]string{
		"rotationType": string(g.How), "keyOrigin": string(k.origin()), "currentBackingKeyId": g.MaterialID, "previousBackingKeyId": before,
	})
}

// settle ends what waited for the replicas to have a material, if now all do.
func (s *Service) settle(tx *store.Tx, k *key) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	g := h.waiting()
	if g == nil || g.State == types.KeyMaterialStatePendingRotation && k.origin() == types.OriginTypeExternal || !k.Multi.installed() {
		return nil
	}
	if k.origin() == types.OriginTypeExternal {
		g.State = types.KeyMaterialStatePendingRotation
		return h.put(tx, k)
	}
	r := k.plan()
	r.Started, r.How = time.Time{}, ""
	return s.turn(tx, k, h, g)
}

// rotateDue rotates a key whose time has come, unless that has changed meanwhile.
func (s *Service) rotateDue(ctx context.Context, due *key) error {
	fresh, err := newMaterial(due)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := keys.Get(tx, due.Account, due.ID)
		if err != nil {
			return unlessMissing(err)
		}
		now := tx.Now()
		if !k.rotates() || now.Before(k.Rotation.Next) {
			return nil
		}
		k.Rotation.next(now)
		if err := s.rotate(tx, k, fresh, types.RotationTypeAutomatic); err != nil {
			return err
		}
		return keys.Put(tx, k)
	})
}

// next plans the rotation after this one. What was missed while the key was
// disabled is not made up for.
func (r *rotation) next(now time.Time) {
	period := time.Duration(r.Days) * day
	if r.Next = r.Next.Add(period); !r.Next.After(now) {
		r.Next = now.Add(period)
	}
}

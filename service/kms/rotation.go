package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A rotation is a key's plan of rotation, and what has come of it. Of a
// multi-Region key the primary's counts, and the replicas know it.
type rotation struct {
	Enabled bool      `cbor:"1,keyasint,omitempty"`
	Days    int32     `cbor:"2,keyasint,omitempty"` // between rotations
	Next    time.Time `cbor:"3,keyasint,omitempty"` // set while Enabled
	// OnDemand is how many rotations were asked for.
	OnDemand int `cbor:"4,keyasint,omitempty"`
	// Started and How are set while a rotation waits for replicas to have the
	// material.
	Started time.Time          `cbor:"5,keyasint,omitempty"`
	How     types.RotationType `cbor:"6,keyasint,omitempty"`
}

// Limits of rotation (KMS Developer Guide, "Rotate AWS KMS keys").
const (
	usualPeriod = 365 // days
	maxOnDemand = 25
)

// plan is the key's rotation, to be changed.
func (k *key) plan() *rotation {
	if k.Rotation == nil {
		k.Rotation = &rotation{}
	}
	return k.Rotation
}

// rotates tells that the key is to be rotated when the time of its plan has come.
func (k *key) rotates() bool {
	r := k.Rotation
	return r != nil && r.Enabled && r.Started.IsZero() && !k.Disabled && !k.pending() && k.Multi.primary(k.Region)
}

// rotatable refuses a key whose material cannot change by itself.
func (k *key) rotatable() error {
	if !k.symmetric() {
		return unsupported("%s key spec is %s which is not valid for this operation.", k.arn(), k.Spec)
	}
	if k.origin() != types.OriginTypeAwsKms {
		return k.originRefused()
	}
	return nil
}

func (k *key) originRefused() error {
	return unsupported("%s origin is %s which is not valid for this operation.", k.arn(), k.origin())
}

// onlyPrimary refuses a replica what is the primary's to do.
func (k *key) onlyPrimary() error {
	if !k.Multi.primary(k.Region) {
		return unsupported("%s is a multi-Region replica key, which is not valid for this operation.", k.arn())
	}
	return nil
}

// EnableKeyRotation has a key's material changed at intervals. To enable it again
// changes the interval, which then begins anew.
func (s *Service) EnableKeyRotation(ctx context.Context, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	days := periodOf(in)
	now := s.clock.Now()
	err := s.setPlan(ctx, in.KeyId, func(k *key) {
		r := k.plan()
		if r.Enabled && in.RotationPeriodInDays == nil { // nothing new is asked
			return
		}
		r.Enabled, r.Days, r.Next = true, days, now.Add(time.Duration(days)*day)
	})
	if err != nil {
		return nil, err
	}
	return &kms.EnableKeyRotationOutput{}, nil
}

func periodOf(in *kms.EnableKeyRotationInput) int32 {
	if in.RotationPeriodInDays == nil {
		return usualPeriod
	}
	return *in.RotationPeriodInDays
}

// DisableKeyRotation leaves a key's material as it is.
func (s *Service) DisableKeyRotation(ctx context.Context, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	err := s.setPlan(ctx, in.KeyId, func(k *key) {
		r := k.plan()
		r.Enabled, r.Days, r.Next = false, 0, time.Time{}
	})
	if err != nil {
		return nil, err
	}
	return &kms.DisableKeyRotationOutput{}, nil
}

func (s *Service) setPlan(ctx context.Context, id *string, set func(*key)) error {
	_, err := s.edit(ctx, id, func(tx *store.Tx, k *key) error {
		if err := k.rotatable(); err != nil {
			return err
		}
		if err := k.changeable(); err != nil {
			return err
		}
		if err := k.onlyPrimary(); err != nil {
			return err
		}
		set(k)
		return k.share(tx)
	})
	s.wake()
	return err
}

// changeable refuses a key that is not in full use: rotation is nothing for it.
func (k *key) changeable() error {
	return k.refuse(types.KeyStateDisabled, types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion,
		types.KeyStatePendingImport, types.KeyStateUpdating)
}

// GetKeyRotationStatus tells a key's plan of rotation. A key that is to be deleted
// has none, until its deletion is cancelled; of a key that cannot be rotated AWS
// answers that it is not.
func (s *Service) GetKeyRotationStatus(ctx context.Context, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	k, err := s.findKey(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if o := k.origin(); o == types.OriginTypeAwsCloudhsm || o == types.OriginTypeExternalKeyStore {
		return nil, k.originRefused()
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: aws.String(k.arn())}
	r := k.Rotation
	if r == nil {
		return out, nil
	}
	if r.Enabled && !k.pending() {
		out.KeyRotationEnabled, out.RotationPeriodInDays, out.NextRotationDate = true, &r.Days, &r.Next
	}
	if r.How == types.RotationTypeOnDemand {
		out.OnDemandRotationStartDate = &r.Started
	}
	return out, nil
}

// RotateKeyOnDemand changes a key's material now. The plan of rotation stays as
// it is.
func (s *Service) RotateKeyOnDemand(ctx context.Context, in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	fresh, err := s.freshMaterial(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	k, err := s.edit(ctx, in.KeyId, func(tx *store.Tx, k *key) error {
		if err := k.checkOnDemand(); err != nil {
			return err
		}
		k.plan().OnDemand++
		return s.rotate(tx, k, fresh, types.RotationTypeOnDemand)
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &kms.RotateKeyOnDemandOutput{KeyId: aws.String(k.arn())}, nil
}

// freshMaterial makes what the key will turn to, before the transaction, which
// may run again. A key that shall not have it is refused there.
func (s *Service) freshMaterial(ctx context.Context, id *string) (*material, error) {
	k, err := s.own(ctx, id)
	if err != nil || !k.symmetric() {
		return nil, err
	}
	return newMaterial(k)
}

func (k *key) checkOnDemand() error {
	if !k.symmetric() {
		return k.rotatable()
	}
	if o := k.origin(); o != types.OriginTypeAwsKms && o != types.OriginTypeExternal {
		return k.originRefused()
	}
	if err := k.changeable(); err != nil {
		return err
	}
	if err := k.onlyPrimary(); err != nil {
		return err
	}
	r := k.plan()
	if !r.Started.IsZero() {
		return &types.ConflictException{Message: aws.String("A rotation of " + k.arn() + " is already in progress.")}
	}
	if r.OnDemand >= maxOnDemand {
		return limitExceeded("%s has been rotated on demand %d times, which is the limit.", k.arn(), maxOnDemand)
	}
	return nil
}

const rotationsToken = "kms.ListKeyRotations"

// ListKeyRotations lists the materials that rotations brought, or all of them.
func (s *Service) ListKeyRotations(ctx context.Context, in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	after, err := position(rotationsToken, in.Marker)
	if err != nil {
		return nil, err
	}
	limit, err := keyPage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !k.symmetric() {
		return nil, k.rotatable()
	}
	rows, err := s.rotations(ctx, k, in.IncludeKeyMaterial == types.IncludeKeyMaterialAllKeyMaterial)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeyRotationsOutput{Rotations: []types.RotationsListEntry{}}
	for _, g := range rows {
		at := store.K(k.Account, k.ID, g.Seq)
		if after != nil && string(at) <= string(after) {
			continue
		}
		if len(out.Rotations) == limit {
			out.Truncated = true
			break
		}
		out.Rotations = append(out.Rotations, g.entry(k))
		out.NextMarker = aws.String(page.Token(rotationsToken, at))
	}
	if !out.Truncated {
		out.NextMarker = nil
	}
	return out, nil
}

// rotations are the key's generations, or those alone that a rotation brought.
func (s *Service) rotations(ctx context.Context, k *key, all bool) (history, error) {
	var rows history
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = k.history(tx)
		return err
	})
	var out history
	for _, g := range rows {
		underway := !g.permanent() && k.origin() != types.OriginTypeExternal
		if !underway && (all || !g.Rotated.IsZero()) {
			out = append(out, g)
		}
	}
	return out, err
}

// entry is the generation as the API shows it.
func (g *generation) entry(k *key) types.RotationsListEntry {
	e := types.RotationsListEntry{KeyId: &k.ID, KeyMaterialId: &g.MaterialID, KeyMaterialState: g.State}
	if !g.Rotated.IsZero() {
		e.RotationDate, e.RotationType = &g.Rotated, g.How
	}
	if k.origin() != types.OriginTypeExternal {
		return e
	}
	e.ImportState, e.ExpirationModel = types.ImportStateImported, types.ExpirationModelTypeKeyMaterialDoesNotExpire
	if g.Absent {
		e.ImportState = types.ImportStatePendingImport
	}
	if !g.Expires.IsZero() {
		e.ExpirationModel, e.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, &g.Expires
	}
	if g.Description != "" {
		e.KeyMaterialDescription = &g.Description
	}
	return e
}

package kms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxValidity is how long imported material may stay at most (KMS API Reference,
// ImportKeyMaterial, ValidTo).
const maxValidity = 365 * day

// importable refuses a key whose material is not imported, or that is in no state
// for it.
func (k *key) importable() error {
	if k.origin() != types.OriginTypeExternal {
		return k.originRefused()
	}
	return k.refuse(types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion, types.KeyStateUpdating)
}

// ImportKeyMaterial gives a key material that somebody else made.
func (s *Service) ImportKeyMaterial(ctx context.Context, in *kms.ImportKeyMaterialInput) (*kms.ImportKeyMaterialOutput, error) {
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := k.importable(); err != nil {
		return nil, err
	}
	expires, err := s.checkImport(k, in)
	if err != nil {
		return nil, err
	}
	i, err := s.unwrap(ctx, k, in)
	if err != nil {
		return nil, err
	}
	defer clear(i.row.Bytes)
	i.expires = expires
	_, err = s.edit(ctx, in.KeyId, func(tx *store.Tx, k *key) error {
		if err := k.importable(); err != nil {
			return err
		}
		return i.apply(tx, k)
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	out := &kms.ImportKeyMaterialOutput{KeyId: aws.String(k.arn())}
	if k.symmetric() {
		out.KeyMaterialId = &i.row.MaterialID
	}
	return out, nil
}

// checkImport holds the parameters to each other, and returns when the material
// shall be taken away: the zero time for never.
func (s *Service) checkImport(k *key, in *kms.ImportKeyMaterialInput) (expires time.Time, err error) {
	if !k.symmetric() && (in.ImportType != "" || in.KeyMaterialId != nil || in.KeyMaterialDescription != nil) {
		return expires, invalid("ImportType, KeyMaterialId and KeyMaterialDescription are valid for symmetric encryption keys only.")
	}
	if in.ImportType == types.ImportTypeNewKeyMaterial && in.KeyMaterialId != nil {
		return expires, invalid("You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL.")
	}
	if in.ExpirationModel == types.ExpirationModelTypeKeyMaterialDoesNotExpire {
		if in.ValidTo != nil {
			return expires, invalid("ValidTo must not be specified when ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.")
		}
		return expires, nil
	}
	now := s.clock.Now()
	switch {
	case in.ValidTo == nil:
		return expires, invalid("ValidTo must be specified when ExpirationModel is KEY_MATERIAL_EXPIRES.")
	case !in.ValidTo.After(now):
		return expires, invalid("ValidTo must be in the future.")
	case in.ValidTo.After(now.Add(maxValidity)):
		return expires, invalid("ValidTo must not be more than 365 days in the future.")
	}
	return in.ValidTo.UTC(), nil
}

// An imported is material on its way into a key.
type imported struct {
	row         *material
	print       []byte
	kind        types.ImportType // empty where the caller leaves it open
	id          *string          // that the caller expects
	description *string
	expires     time.Time
}

// unwrap opens the material with the private half of the wrapping key, which is
// in the token.
func (s *Service) unwrap(ctx context.Context, k *key, in *kms.ImportKeyMaterialInput) (*imported, error) {
	t, err := s.openToken(ctx, k, in.ImportToken)
	if err != nil {
		return nil, err
	}
	wrapping, err := seal.Load(t.Spec, t.Private)
	clear(t.Private)
	if err != nil {
		return nil, err
	}
	defer wrapping.Erase()
	b, err := wrapping.Unwrap(t.Algorithm, in.EncryptedKeyMaterial)
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	defer clear(b)
	m, err := seal.ParseImported(k.Spec, b)
	if err != nil {
		return nil, incorrectMaterial("The key material is not valid for a key whose key spec is " + string(k.Spec) + ".")
	}
	defer m.Erase()
	row, err := k.materialOf(m)
	if err != nil {
		return nil, err
	}
	i := &imported{row: row, kind: in.ImportType, id: in.KeyMaterialId, description: in.KeyMaterialDescription}
	if !k.symmetric() {
		h := hmac.New(sha256.New, row.Bytes)
		h.Write([]byte(k.ID))
		i.print = h.Sum(nil)
	}
	return i, nil
}

func incorrectMaterial(message string) error {
	return &types.IncorrectKeyMaterialException{Message: &message}
}

// apply puts the material in its place among the key's generations.
func (i *imported) apply(tx *store.Tx, k *key) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	awaiting := k.Awaited > 0
	g := h.find(i.row.MaterialID)
	fresh := g == nil
	if err := i.check(k, h, g); err != nil {
		return err
	}
	if fresh {
		g = h.next(k)
		g.MaterialID, g.Print = i.row.MaterialID, i.print
		h = append(h, g)
		if !g.permanent() && k.Multi.waits(k.Region) {
			g.State, k.Multi.Installed = types.KeyMaterialStatePendingMultiRegionImportAndRotation, nil
		}
	}
	g.Absent, g.Expires = false, i.expires
	if i.description != nil {
		g.Description = *i.description
	}
	if err := materialRows.Put(tx, i.row); err != nil {
		return err
	}
	if err := h.put(tx, k); err != nil {
		return err
	}
	// Only what ends the wait enables the key: a disabled one that gets what it has
	// already stays disabled.
	if awaiting && k.Awaited == 0 {
		k.Disabled = false
	}
	if fresh {
		return k.share(tx)
	}
	if !k.Multi.primary(k.Region) {
		return k.acknowledge(tx)
	}
	return nil
}

// check refuses what is not what the caller says it is, or the same as before.
func (i *imported) check(k *key, h history, same *generation) error {
	kind := i.kind
	if kind == "" {
		kind = types.ImportTypeExistingKeyMaterial
		if len(h) == 0 {
			kind = types.ImportTypeNewKeyMaterial
		}
	}
	if i.id != nil && *i.id != i.row.MaterialID {
		return incorrectMaterial("The key material does not match the key material ID " + *i.id + ".")
	}
	if kind == types.ImportTypeExistingKeyMaterial {
		if same == nil || !bytes.Equal(same.Print, i.print) {
			return incorrectMaterial("The key material does not match any key material that was imported into " + k.arn() + " before.")
		}
		return nil
	}
	return k.takesNew(h, same)
}

// takesNew refuses new material where the key has a use for none.
func (k *key) takesNew(h history, same *generation) error {
	switch {
	case same != nil:
		return incorrectMaterial("The key material was imported into " + k.arn() + " before.")
	case !k.Multi.primary(k.Region):
		return unsupported("%s is a multi-Region replica key: import new key material into the primary key first.", k.arn())
	case len(h) > 0 && k.Awaited > 0:
		return k.refusal(types.KeyStatePendingImport)
	case h.waiting() != nil:
		return invalidState("%s has imported key material that is pending rotation.", k.arn())
	}
	return nil
}

// DeleteImportedKeyMaterial takes imported material away. Until the same material
// is imported again, the key cannot be used, unless the key had not turned to it.
func (s *Service) DeleteImportedKeyMaterial(ctx context.Context, in *kms.DeleteImportedKeyMaterialInput) (*kms.DeleteImportedKeyMaterialOutput, error) {
	var gone string
	k, err := s.edit(ctx, in.KeyId, func(tx *store.Tx, k *key) error {
		if k.origin() != types.OriginTypeExternal {
			return k.originRefused()
		}
		if err := k.refuse(types.KeyStateUpdating); err != nil {
			return err
		}
		id, err := k.materialToDelete(in.KeyMaterialId)
		if err != nil {
			return err
		}
		gone, err = id, k.takeAway(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.forget(k, gone)
	s.wake()
	out := &kms.DeleteImportedKeyMaterialOutput{KeyId: aws.String(k.arn())}
	if k.symmetric() && gone != "" {
		out.KeyMaterialId = &gone
	}
	return out, nil
}

func (k *key) materialToDelete(given *string) (string, error) {
	if given == nil {
		return k.MaterialID, nil
	}
	if !k.symmetric() {
		return "", invalid("KeyMaterialId is valid for symmetric encryption keys only.")
	}
	return *given, nil
}

// takeAway removes material from its generation, and a generation that nothing is
// sealed with as a whole.
func (k *key) takeAway(tx *store.Tx, materialID string) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	g := h.find(materialID)
	if g == nil {
		if materialID == "" { // nothing was imported yet
			return nil
		}
		return notFound("Key material %s of key %s does not exist", materialID, k.arn())
	}
	if err := materialRows.Drop(tx, k.Account, k.ID, materialID); err != nil {
		return err
	}
	if g.permanent() || !k.Multi.primary(k.Region) {
		g.Absent, g.Expires = true, time.Time{}
		return h.put(tx, k)
	}
	if err := generations.Delete(tx, g.Account, g.KeyID, g.Seq); err != nil {
		return err
	}
	return k.share(tx)
}

// expireDue takes away imported material whose time is over, unless that has
// changed meanwhile.
func (s *Service) expireDue(ctx context.Context, due *generation) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := keys.Get(tx, due.Account, due.KeyID)
		if err != nil {
			return unlessMissing(err)
		}
		g, err := generations.Get(tx, due.Account, due.KeyID, due.Seq)
		if err != nil {
			return unlessMissing(err)
		}
		if g.Absent || g.Expires.IsZero() || tx.Now().Before(g.Expires) {
			return nil
		}
		if err := k.takeAway(tx, g.MaterialID); err != nil {
			return err
		}
		if err := s.record(tx, k, "DeleteExpiredKeyMaterial", nil); err != nil {
			return err
		}
		return keys.Put(tx, k)
	})
	if err == nil {
		s.forget(&key{Account: due.Account, ID: due.KeyID}, due.MaterialID)
	}
	return err
}

// unlessMissing is err, or nil if it only says that a row is gone.
func unlessMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

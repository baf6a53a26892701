package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/xks"
)

// checkPlace holds origin, store and external key to each other, and a key in a
// custom key store to what such keys can be.
func checkPlace(in *kms.CreateKeyInput) error {
	kind := kindOf(originOf(in))
	switch {
	case (kind != "") != (in.CustomKeyStoreId != nil):
		return invalid("CustomKeyStoreId is required when Origin is AWS_CLOUDHSM or EXTERNAL_KEY_STORE, and only valid then.")
	case (kind == external) != (in.XksKeyId != nil):
		return invalid("XksKeyId is required when Origin is EXTERNAL_KEY_STORE, and only valid then.")
	case kind == "":
		return nil
	case aws.ToBool(in.MultiRegion):
		return unsupported("A multi-Region key cannot be created in a custom key store.")
	case specOf(in) != seal.SymmetricDefault || usageOf(in) != seal.EncryptDecrypt:
		return unsupported("Only symmetric encryption KMS keys can be created in a custom key store.")
	}
	return nil
}

// kindOf is the kind of store that a key of the origin lies in; empty for none.
func kindOf(o types.OriginType) types.CustomKeyStoreType {
	switch o {
	case types.OriginTypeAwsCloudhsm:
		return cloudHSM
	case types.OriginTypeExternalKeyStore:
		return external
	default:
		return ""
	}
}

// createKept makes k in a custom key store.
func (s *Service) createKept(ctx context.Context, in *kms.CreateKeyInput, k *key) (*kms.CreateKeyOutput, error) {
	k.CustomStore, k.XksKey = *in.CustomKeyStoreId, aws.ToString(in.XksKeyId)
	c, keep, err := s.connectedStore(ctx, k.CustomStore)
	if err != nil {
		return nil, err
	}
	if c.Kind != kindOf(k.origin()) {
		return nil, invalid("Origin %s is not valid for a custom key store of type %s.", k.origin(), c.Kind)
	}
	m, err := k.begin(ctx, keep)
	if err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	call.Made = append(call.Made, wire.Resource{ARN: k.arn(), Type: keyType})
	err = s.db.Update(ctx, func(tx *store.Tx) error { return k.addKept(tx, m) })
	if err != nil {
		if t, ok := keep.(*tokenKeeper); ok { // nobody would ever use it
			_ = t.token.Delete(context.WithoutCancel(ctx), []byte(k.ID))
		}
		return nil, err
	}
	k.store = c
	return &kms.CreateKeyOutput{KeyMetadata: k.metadata()}, nil
}

// begin makes what the key seals with: an external key gets material of KMS's own
// for the inner layer, a token makes the key itself.
func (k *key) begin(ctx context.Context, keep keeper) (*material, error) {
	if t, ok := keep.(*tokenKeeper); ok {
		err := t.token.Generate(ctx, k.ID, []byte(k.ID))
		if err != nil {
			if errors.Is(err, hsm.ErrGone) { // it may have been made nonetheless
				_ = t.token.Delete(context.WithoutCancel(ctx), []byte(k.ID))
			}
			return nil, tokenFault(err).creating()
		}
		return nil, nil //nolint:nilnil // the material is the token's alone
	}
	if err := checkExternal(ctx, keep.(*proxyKeeper).client, k); err != nil {
		return nil, err
	}
	m, err := newMaterial(k)
	if err != nil {
		return nil, err
	}
	k.MaterialID = m.MaterialID
	return m, nil
}

// checkExternal refuses an external key that is not there, or not what KMS needs.
func checkExternal(ctx context.Context, client *xks.Client, k *key) error {
	m, err := client.Metadata(ctx, k.XksKey, callerOf(ctx, k))
	if err != nil {
		return proxyFault(err).creating()
	}
	var why string
	switch {
	case m.Usable():
		return nil
	case m.KeySpec != xks.SpecAES256:
		why = "The key spec of the external key must be AES_256. The key spec of specified external key is " + m.KeySpec + "."
	case m.KeyStatus != xks.StatusEnabled:
		why = "The status of the external key must be ENABLED. The status of specified external key is " + m.KeyStatus + "."
	default:
		why = "The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key is " + strings.Join(m.KeyUsage, ", ") + "."
	}
	return keyUnfit(&why)
}

// addKept writes the key, if its store is still connected and no other key of it
// has the external key.
func (k *key) addKept(tx *store.Tx, m *material) error {
	c, err := customStores.Get(tx, k.Account, k.CustomStore)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return storeNotFound(k.CustomStore)
	case err != nil:
		return err
	case !c.in(connected):
		return c.wrongState()
	}
	err = keys.Add(tx, k)
	if errors.Is(err, store.ErrExists) {
		return &types.XksKeyAlreadyInUseException{Message: aws.String("The external key is already associated with another KMS key in this external key store.")}
	}
	if err != nil || m == nil {
		return err
	}
	return materialRows.Add(tx, m)
}

// connectedStore returns a store of the caller's account and the connection to
// it, for what may only be done while it is connected.
func (s *Service) connectedStore(ctx context.Context, id string) (*customStore, keeper, error) {
	var c *customStore
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = customStores.Get(tx, wire.CallFrom(ctx).Account(), id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, storeNotFound(id)
	case err != nil:
		return nil, nil, err
	case !c.in(connected):
		return nil, nil, c.wrongState()
	}
	keep, err := s.keeper(ctx, c)
	if err != nil {
		return nil, nil, faultOf(c.Kind, err).creating()
	}
	return c, keep, nil
}

// reach connects the key to the store that keeps it.
func (s *Service) reach(ctx context.Context, k *key) (err error) {
	if k.keeper, err = s.keeper(ctx, k.store); err != nil {
		return faultOf(k.store.Kind, err).cryptographic()
	}
	return nil
}

// useKept is the last of use for a key in a custom key store.
func (s *Service) useKept(ctx context.Context, k *key) (*key, *seal.Material, error) {
	if err := s.reach(ctx, k); err != nil {
		return nil, nil, err
	}
	if k.MaterialID == "" {
		return k, nil, nil
	}
	m, err := s.material(ctx, k, k.MaterialID)
	return k, m, err
}

// randomOf returns bytes of the generator of a CloudHSM key store.
func (s *Service) randomOf(ctx context.Context, id string, n int) ([]byte, error) {
	c, keep, err := s.connectedStore(ctx, id)
	if err != nil {
		return nil, err
	}
	t, ok := keep.(*tokenKeeper)
	if !ok {
		return nil, unsupported("The custom key store %s is of type %s, which does not generate random bytes.", c.ID, c.Kind)
	}
	b, err := t.token.Random(ctx, n)
	if err != nil {
		return nil, tokenFault(err).creating()
	}
	return b, nil
}

// destroyOutside deletes the key's material in its token. Like AWS it does what
// it can: a token that cannot be reached keeps the key, and its operator may
// delete it there by its id, which is the KMS key's. External keys are nobody's to
// delete but their manager's.
func (s *Service) destroyOutside(ctx context.Context, k *key) error {
	if k.origin() != types.OriginTypeAwsCloudhsm {
		return nil
	}
	placed := k
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		placed, err = k.placed(tx)
		return err
	})
	if err != nil {
		return unlessMissing(err)
	}
	if placed.unavailable() {
		return nil
	}
	keep, err := s.keeper(ctx, placed.store)
	if err != nil {
		return ctx.Err()
	}
	_ = keep.(*tokenKeeper).token.Delete(ctx, []byte(k.ID))
	return ctx.Err()
}

// reach finds what opens a ciphertext of a key in a custom key store. Such a key
// has the one material that it was made with, if it has any here.
func (o *opener) reach(ctx context.Context, s *Service) (err error) {
	_, o.material, err = s.useKept(ctx, o.key)
	return err
}

// materialRef names the key's material in an answer; nil if it has none here.
func (k *key) materialRef() *string {
	if k.MaterialID == "" {
		return nil
	}
	return &k.MaterialID
}

package kms

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// sealedBy is a ciphertext and what the caller says of it.
type sealedBy struct {
	operation string
	blob      []byte
	keyID     *string // nil where the ciphertext shall name its key
	algorithm types.EncryptionAlgorithmSpec
	// ignored tells that only the permissions are being tried: there need be no
	// ciphertext.
	ignored bool
}

func toDecrypt(in *kms.DecryptInput) sealedBy {
	return sealedBy{
		operation: "Decrypt", blob: in.CiphertextBlob, keyID: in.KeyId,
		algorithm: orSymmetric(in.EncryptionAlgorithm), ignored: ignoresCiphertext(in.DryRun, in.DryRunModifiers),
	}
}

func toReEncrypt(in *kms.ReEncryptInput) sealedBy {
	return sealedBy{
		operation: "ReEncrypt", blob: in.CiphertextBlob, keyID: in.SourceKeyId,
		algorithm: orSymmetric(in.SourceEncryptionAlgorithm), ignored: ignoresCiphertext(in.DryRun, in.DryRunModifiers),
	}
}

// ignoresCiphertext reads the modifiers, which count in a dry run only.
func ignoresCiphertext(dryRun *bool, modifiers []types.DryRunModifierType) bool {
	return aws.ToBool(dryRun) && slices.Contains(modifiers, types.DryRunModifierTypeIgnoreCiphertext)
}

// header reads what a symmetric ciphertext says of itself.
func (w *sealedBy) header() (h seal.Header, err error) {
	if w.ignored || w.algorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		return h, nil
	}
	if h, err = seal.ParseBlob(w.blob); err != nil {
		return h, &types.InvalidCiphertextException{}
	}
	return h, nil
}

// check refuses a call that leaves out what it needs.
func (w *sealedBy) check() error {
	switch {
	case w.ignored && w.keyID == nil:
		return invalid("You must specify a KeyId when DryRunModifiers is IGNORE_CIPHERTEXT.")
	case w.ignored:
		return nil
	case len(w.blob) == 0:
		return invalid("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	case w.keyID == nil && w.algorithm != types.EncryptionAlgorithmSpecSymmetricDefault:
		return invalid("You must specify a KeyId to decrypt with an asymmetric algorithm.")
	}
	return nil
}

// An opener has found what opens a ciphertext.
type opener struct {
	sealedBy
	key      *key
	material *seal.Material
	id       string // of the material
}

// materialID is answered for symmetric keys only.
func (o *opener) materialID() *string {
	if o.key.Spec != seal.SymmetricDefault || o.id == "" {
		return nil
	}
	return &o.id
}

// opener finds the key of a ciphertext and checks that it can open it now. That
// the caller names another key than the ciphertext does is told first, as AWS does.
func (s *Service) opener(ctx context.Context, w sealedBy) (*opener, error) {
	h, err := w.header()
	if err != nil {
		return nil, err
	}
	k, err := s.keyOf(ctx, &w, h)
	if err != nil {
		return nil, err
	}
	speaks := h.KeyID != ""
	if speaks && (h.KeyID != k.ID || h.Account != k.Account) {
		return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
	}
	if err := k.usable(seal.EncryptDecrypt, w.operation); err != nil {
		return nil, err
	}
	if speaks && h.Outer != k.lies() {
		return nil, &types.InvalidCiphertextException{}
	}
	o := &opener{sealedBy: w, key: k, id: k.MaterialID}
	if k.lies() {
		return o, o.reach(ctx, s)
	}
	if speaks {
		o.id = h.MaterialID.String()
	}
	o.material, err = s.material(ctx, k, o.id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &types.InvalidCiphertextException{}
	}
	return o, err
}

// keyOf reads the key that the caller names, or else that the ciphertext names.
func (s *Service) keyOf(ctx context.Context, w *sealedBy, h seal.Header) (*key, error) {
	if w.keyID != nil {
		return s.find(ctx, w.keyID)
	}
	return s.read(ctx, reference{account: h.Account, id: h.KeyID})
}

// open decrypts. Why it cannot is nobody's to know.
func (o *opener) open(ctx context.Context, encryption map[string]string) (plaintext []byte, err error) {
	if err := o.key.checkAlgorithm(o.algorithm, encryption); err != nil || o.ignored {
		return nil, err
	}
	if o.key.keeper != nil {
		plaintext, err = o.openOutside(ctx, encryption)
	} else if o.key.Spec == seal.SymmetricDefault {
		plaintext, err = o.material.Open(o.blob, encryption)
	} else {
		plaintext, err = o.material.Decrypt(seal.EncryptionAlgorithm(o.algorithm), o.blob)
	}
	if errors.Is(err, seal.ErrInvalidCiphertext) {
		return nil, &types.InvalidCiphertextException{}
	}
	return plaintext, o.key.ended(err)
}

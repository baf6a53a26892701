package kms

import (
	"context"
	"crypto/sha1" //nolint:gosec // for its size alone
	"crypto/sha256"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func orSymmetric(a types.EncryptionAlgorithmSpec) types.EncryptionAlgorithmSpec {
	if a == "" {
		return types.EncryptionAlgorithmSpecSymmetricDefault
	}
	return a
}

// Encrypt seals up to 4 KiB under a key. The encryption context is bound to the
// ciphertext, and must be given again to open it.
func (s *Service) Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	k, m, err := s.use(ctx, in.KeyId, seal.EncryptDecrypt, "Encrypt")
	if err != nil {
		return nil, err
	}
	p := plain{orSymmetric(in.EncryptionAlgorithm), in.Plaintext, in.EncryptionContext}
	blob, err := k.encrypt(ctx, m, &p)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: aws.String(k.arn()), EncryptionAlgorithm: p.algorithm}, nil
}

// plain is what to encrypt, and how.
type plain struct {
	algorithm types.EncryptionAlgorithmSpec
	text      []byte
	context   map[string]string
}

// encrypt checks that the key has the algorithm, and seals.
func (k *key) encrypt(ctx context.Context, m *seal.Material, p *plain) (blob []byte, err error) {
	if err := k.checkAlgorithm(p.algorithm, p.context); err != nil {
		return nil, err
	}
	if k.Spec == seal.SymmetricDefault {
		blob, err = k.seal(ctx, m, p.text, p.context)
	} else {
		blob, err = m.Encrypt(seal.EncryptionAlgorithm(p.algorithm), p.text)
	}
	if errors.Is(err, seal.ErrInvalidLength) {
		return nil, invalid("Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.",
			p.algorithm, k.Spec, maxPlaintext(k.Spec, p.algorithm))
	}
	return blob, k.ended(err)
}

// maxPlaintext is how many bytes an algorithm takes under a key of the spec (KMS
// API Reference, Encrypt). For RSAES-OAEP it is the modulus less two hashes and
// two bytes (RFC 8017 §7.1.1).
func maxPlaintext(spec seal.Spec, a types.EncryptionAlgorithmSpec) int {
	modulus := map[seal.Spec]int{seal.RSA2048: 256, seal.RSA3072: 384, seal.RSA4096: 512}[spec]
	switch a {
	case types.EncryptionAlgorithmSpecRsaesOaepSha1:
		return modulus - 2*sha1.Size - 2
	case types.EncryptionAlgorithmSpecRsaesOaepSha256:
		return modulus - 2*sha256.Size - 2
	default:
		return seal.MaxPlaintext
	}
}

// seal encrypts under a symmetric key. The blob names the key and its material.
func (k *key) seal(ctx context.Context, m *seal.Material, plaintext []byte, encryption map[string]string) ([]byte, error) {
	if k.keeper != nil {
		return k.sealOutside(ctx, m, plaintext, encryption)
	}
	id, err := seal.ParseMaterialID(k.MaterialID)
	if err != nil {
		return nil, err
	}
	blob, err := m.Seal(seal.Header{Account: k.Account, KeyID: k.ID, MaterialID: id}, plaintext, encryption)
	return blob, k.ended(err)
}

// checkAlgorithm holds the algorithm to the key's spec. An encryption context
// cannot be bound to an asymmetric ciphertext, so it is refused there.
func (k *key) checkAlgorithm(a types.EncryptionAlgorithmSpec, encryption map[string]string) error {
	symmetric := a == types.EncryptionAlgorithmSpecSymmetricDefault
	if symmetric != (k.Spec == seal.SymmetricDefault) || !symmetric && !has(k.Spec.EncryptionAlgorithms(), a) {
		return incompatible(a, k.Spec)
	}
	if !symmetric && len(encryption) > 0 {
		return invalid("EncryptionContext is not supported with asymmetric keys: %s.", a)
	}
	return checkContext(encryption)
}

// maxContext bounds an encryption context's size in bytes (KMS Developer Guide).
const maxContext = 8192

func checkContext(encryption map[string]string) error {
	size := 0
	for name, value := range encryption {
		size += len(name) + len(value)
	}
	if size > maxContext {
		return invalid("The encryption context is larger than %d bytes.", maxContext)
	}
	return nil
}

// Decrypt opens a ciphertext. A symmetric one names its key; a key that the
// caller names must be the very one.
func (s *Service) Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	w := toDecrypt(in)
	o, err := s.opener(ctx, w)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(ctx, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		clear(plaintext)
		return nil, err
	}
	return &kms.DecryptOutput{
		KeyId: aws.String(o.key.arn()), Plaintext: plaintext, EncryptionAlgorithm: w.algorithm, KeyMaterialId: o.materialID(),
	}, nil
}

// ReEncrypt opens a ciphertext and seals what was in it under another key or
// context. The plaintext does not leave the server.
func (s *Service) ReEncrypt(ctx context.Context, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	from := toReEncrypt(in)
	o, err := s.opener(ctx, from)
	if err != nil {
		return nil, err
	}
	k, m, err := s.use(ctx, in.DestinationKeyId, seal.EncryptDecrypt, from.operation)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(ctx, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	p := plain{orSymmetric(in.DestinationEncryptionAlgorithm), plaintext, in.DestinationEncryptionContext}
	blob, err := k.encrypt(ctx, m, &p)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &kms.ReEncryptOutput{
		CiphertextBlob: blob, SourceKeyId: aws.String(o.key.arn()), KeyId: aws.String(k.arn()),
		SourceEncryptionAlgorithm: from.algorithm, DestinationEncryptionAlgorithm: p.algorithm, SourceKeyMaterialId: o.materialID(),
	}
	if k.Spec == seal.SymmetricDefault {
		out.DestinationKeyMaterialId = k.materialRef()
	}
	return out, nil
}

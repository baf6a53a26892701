package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
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
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	blob, err := k.encrypt(m, algorithm, in.Plaintext, in.EncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: blob, KeyId: aws.String(k.arn()), EncryptionAlgorithm: algorithm}, nil
}

// encrypt checks that the key has the algorithm, and seals.
func (k *key) encrypt(m *seal.Material, a types.EncryptionAlgorithmSpec, plaintext []byte, encryption map[string]string, dryRun *bool) ([]byte, error) {
	if err := k.checkAlgorithm(a, encryption); err != nil {
		return nil, err
	}
	if err := checkDryRun(dryRun); err != nil {
		return nil, err
	}
	var blob []byte
	var err error
	if k.Spec == seal.SymmetricDefault {
		blob, err = k.seal(m, plaintext, encryption)
	} else {
		blob, err = m.Encrypt(seal.EncryptionAlgorithm(a), plaintext)
	}
	if errors.Is(err, seal.ErrInvalidLength) {
		return nil, invalid("Algorithm %s and key spec %s cannot encrypt data larger than the key allows.", a, k.Spec)
	}
	return blob, err
}

// seal encrypts under a symmetric key. The blob names the key and its material.
func (k *key) seal(m *seal.Material, plaintext []byte, encryption map[string]string) ([]byte, error) {
	id, err := seal.ParseMaterialID(k.MaterialID)
	if err != nil {
		return nil, err
	}
	return m.Seal(seal.Header{Account: k.Account, KeyID: k.ID, MaterialID: id}, plaintext, encryption)
}

// checkAlgorithm holds the algorithm to the key's spec. An encryption context
// cannot be bound to an asymmetric ciphertext, so it is refused there.
func (k *key) checkAlgorithm(a types.EncryptionAlgorithmSpec, encryption map[string]string) error {
	for _, have := range k.Spec.EncryptionAlgorithms() {
		if string(have) != string(a) {
			continue
		}
		if k.Spec != seal.SymmetricDefault && len(encryption) > 0 {
			return invalid("EncryptionContext is not supported with asymmetric keys: %s.", a)
		}
		return checkContext(encryption)
	}
	return invalidUsage("The encryption algorithm %s is not compatible with the key spec %s.", a, k.Spec)
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
	algorithm := orSymmetric(in.EncryptionAlgorithm)
	o, err := s.opener(ctx, in.CiphertextBlob, in.KeyId, algorithm, "Decrypt")
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.DecryptOutput{
		KeyId: aws.String(o.key.arn()), Plaintext: plaintext, EncryptionAlgorithm: algorithm, KeyMaterialId: o.materialID(),
	}, nil
}

// An opener has found what opens a ciphertext.
type opener struct {
	key       *key
	material  *seal.Material
	id        string
	algorithm types.EncryptionAlgorithmSpec
	blob      []byte
}

// materialID is answered for symmetric keys only.
func (o *opener) materialID() *string {
	if o.key.Spec != seal.SymmetricDefault {
		return nil
	}
	return &o.id
}

// opener finds the key of a ciphertext and checks that it can open it now.
func (s *Service) opener(ctx context.Context, blob []byte, given *string, a types.EncryptionAlgorithmSpec, operation string) (*opener, error) {
	if len(blob) == 0 {
		return nil, invalid("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	}
	o := &opener{algorithm: a, blob: blob}
	var h seal.Header
	var err error
	if a == types.EncryptionAlgorithmSpecSymmetricDefault {
		if h, err = seal.ParseBlob(blob); err != nil {
			return nil, &types.InvalidCiphertextException{}
		}
	}
	if given != nil {
		o.key, err = s.find(ctx, given)
	} else {
		o.key, err = s.named(ctx, h)
	}
	if err != nil {
		return nil, err
	}
	if err := o.key.usable(seal.EncryptDecrypt, operation); err != nil {
		return nil, err
	}
	if err := o.key.checkAlgorithm(a, nil); err != nil {
		return nil, err
	}
	o.id = o.key.MaterialID
	if a == types.EncryptionAlgorithmSpecSymmetricDefault {
		if h.KeyID != o.key.ID || h.Account != o.key.Account {
			return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
		}
		o.id = h.MaterialID.String()
	}
	o.material, err = s.material(ctx, o.key, o.id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &types.InvalidCiphertextException{}
	}
	return o, err
}

// named reads the key that a ciphertext names.
func (s *Service) named(ctx context.Context, h seal.Header) (*key, error) {
	r := reference{account: h.Account, id: h.KeyID}
	return s.find(ctx, aws.String(s.arn(r)))
}

// open decrypts. Why it cannot is nobody's to know.
func (o *opener) open(encryption map[string]string) (plaintext []byte, err error) {
	if o.key.Spec == seal.SymmetricDefault {
		plaintext, err = o.material.Open(o.blob, encryption)
	} else {
		if len(encryption) > 0 {
			return nil, invalid("EncryptionContext is not supported with asymmetric keys: %s.", o.algorithm)
		}
		plaintext, err = o.material.Decrypt(seal.EncryptionAlgorithm(o.algorithm), o.blob)
	}
	if errors.Is(err, seal.ErrInvalidCiphertext) {
		return nil, &types.InvalidCiphertextException{}
	}
	return plaintext, err
}

// ReEncrypt opens a ciphertext and seals what was in it under another key or
// context. The plaintext does not leave the server.
func (s *Service) ReEncrypt(ctx context.Context, in *kms.ReEncryptInput) (*kms.ReEncryptOutput, error) {
	from, to := orSymmetric(in.SourceEncryptionAlgorithm), orSymmetric(in.DestinationEncryptionAlgorithm)
	o, err := s.opener(ctx, in.CiphertextBlob, in.SourceKeyId, from, "ReEncrypt")
	if err != nil {
		return nil, err
	}
	k, m, err := s.use(ctx, in.DestinationKeyId, seal.EncryptDecrypt, "ReEncrypt")
	if err != nil {
		return nil, err
	}
	plaintext, err := o.open(in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	blob, err := k.encrypt(m, to, plaintext, in.DestinationEncryptionContext, in.DryRun)
	if err != nil {
		return nil, err
	}
	out := &kms.ReEncryptOutput{
		CiphertextBlob: blob, SourceKeyId: aws.String(o.key.arn()), KeyId: aws.String(k.arn()),
		SourceEncryptionAlgorithm: from, DestinationEncryptionAlgorithm: to, SourceKeyMaterialId: o.materialID(),
	}
	if k.Spec == seal.SymmetricDefault {
		out.DestinationKeyMaterialId = &k.MaterialID
	}
	return out, nil
}

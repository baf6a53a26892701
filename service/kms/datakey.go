package kms

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// A wanted is a call for a data key, in whichever of the four operations.
type wanted struct {
	operation  string
	keyID      *string
	encryption map[string]string
	dryRun     *bool
}

// sealed seals a data key under the key that the call names.
func (s *Service) sealed(ctx context.Context, w wanted, data func() ([]byte, error)) (*key, []byte, error) {
	k, m, err := s.use(ctx, w.keyID, seal.EncryptDecrypt, w.operation)
	if err != nil {
		return nil, nil, err
	}
	if k.Spec != seal.SymmetricDefault {
		return nil, nil, invalidUsage("%s key spec is %s which is not valid for %s.", k.arn(), k.Spec, w.operation)
	}
	if err := checkContext(w.encryption); err != nil {
		return nil, nil, err
	}
	if err := checkDryRun(w.dryRun); err != nil {
		return nil, nil, err
	}
	plaintext, err := data()
	if err != nil {
		return nil, nil, err
	}
	blob, err := k.seal(ctx, m, plaintext, w.encryption)
	return k, blob, err
}

// GenerateDataKey makes a symmetric data key, and seals a copy of it.
func (s *Service) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	n, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	plaintext := random(n)
	w := wanted{"GenerateDataKey", in.KeyId, in.EncryptionContext, in.DryRun}
	k, blob, err := s.sealed(ctx, w, func() ([]byte, error) { return plaintext, nil })
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		CiphertextBlob: blob, Plaintext: plaintext, KeyId: aws.String(k.arn()), KeyMaterialId: k.materialRef(),
	}, nil
}

// GenerateDataKeyWithoutPlaintext makes a sealed data key to be opened later.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, in *kms.GenerateDataKeyWithoutPlaintextInput) (*kms.GenerateDataKeyWithoutPlaintextOutput, error) {
	n, err := dataKeySize(in.KeySpec, in.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	w := wanted{"GenerateDataKeyWithoutPlaintext", in.KeyId, in.EncryptionContext, in.DryRun}
	k, blob, err := s.sealed(ctx, w, func() ([]byte, error) { return random(n), nil })
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyWithoutPlaintextOutput{
		CiphertextBlob: blob, KeyId: aws.String(k.arn()), KeyMaterialId: k.materialRef(),
	}, nil
}

func dataKeySize(spec types.DataKeySpec, bytes *int32) (int, error) {
	if (spec == "") == (bytes == nil) {
		return 0, invalid("Please specify either number of bytes or key spec.")
	}
	if bytes != nil {
		return int(*bytes), nil
	}
	return seal.DataKeySpec(spec).Size()
}

// GenerateDataKeyPair makes an asymmetric data key, and seals a copy of its
// private half.
func (s *Service) GenerateDataKeyPair(ctx context.Context, in *kms.GenerateDataKeyPairInput) (*kms.GenerateDataKeyPairOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	w := wanted{"GenerateDataKeyPair", in.KeyId, in.EncryptionContext, in.DryRun}
	k, blob, pair, err := s.sealedPair(ctx, w, in.KeyPairSpec)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyPairOutput{
		PrivateKeyCiphertextBlob: blob, PrivateKeyPlaintext: pair.Private, PublicKey: pair.Public,
		KeyId: aws.String(k.arn()), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: k.materialRef(),
	}, nil
}

// GenerateDataKeyPairWithoutPlaintext makes an asymmetric data key whose private
// half is sealed.
func (s *Service) GenerateDataKeyPairWithoutPlaintext(ctx context.Context, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (*kms.GenerateDataKeyPairWithoutPlaintextOutput, error) {
	w := wanted{"GenerateDataKeyPairWithoutPlaintext", in.KeyId, in.EncryptionContext, in.DryRun}
	k, blob, pair, err := s.sealedPair(ctx, w, in.KeyPairSpec)
	if err != nil {
		return nil, err
	}
	clear(pair.Private)
	return &kms.GenerateDataKeyPairWithoutPlaintextOutput{
		PrivateKeyCiphertextBlob: blob, PublicKey: pair.Public,
		KeyId: aws.String(k.arn()), KeyPairSpec: in.KeyPairSpec, KeyMaterialId: k.materialRef(),
	}, nil
}

func (s *Service) sealedPair(ctx context.Context, w wanted, spec types.DataKeyPairSpec) (*key, []byte, *seal.DataKeyPair, error) {
	if !seal.Spec(spec).Asymmetric() {
		return nil, nil, nil, unsupported("The key pair spec %s is not supported here.", spec)
	}
	var pair *seal.DataKeyPair
	k, blob, err := s.sealed(ctx, w, func() (_ []byte, err error) {
		if pair, err = seal.GenerateDataKeyPair(seal.Spec(spec)); err != nil {
			return nil, err
		}
		return pair.Private, nil
	})
	return k, blob, pair, err
}

// GenerateRandom returns bytes of the operating system's random source, or of a
// CloudHSM key store's.
func (s *Service) GenerateRandom(ctx context.Context, in *kms.GenerateRandomInput) (*kms.GenerateRandomOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if in.NumberOfBytes == nil {
		return nil, invalid("NumberOfBytes is required.")
	}
	if in.CustomKeyStoreId != nil {
		b, err := s.randomOf(ctx, *in.CustomKeyStoreId, int(*in.NumberOfBytes))
		if err != nil {
			return nil, err
		}
		return &kms.GenerateRandomOutput{Plaintext: b}, nil
	}
	return &kms.GenerateRandomOutput{Plaintext: random(int(*in.NumberOfBytes))}, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

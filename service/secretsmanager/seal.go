package secretsmanager

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// defaultKey is the key of secrets whose maker named none.
	defaultKey = "alias/aws/secretsmanager"
	// validation stands for a version's id where Secrets Manager only tries a key
	// (Secrets Manager User Guide, "How Secrets Manager uses your KMS key").
	validation = "RequestToValidateKeyAccess"
	// maxWrapped bounds the KMS keys that a version's data key is kept under.
	maxWrapped = 10
)

// encryptionContext ties a data key to a secret and a version (Secrets Manager
// User Guide, "Secrets Manager encryption context").
func encryptionContext(secretARN, id string) map[string]string {
	return map[string]string{"SecretARN": secretARN, "SecretVersionId": id}
}

// key is the row's KMS key as the caller has to name it. Key ids and aliases are
// of the secret's account, wherever the caller is from.
func (s *Service) key(ctx context.Context, row *secret) (string, error) {
	call := wire.CallFrom(ctx)
	switch {
	case row.KMSKeyID == "" && call.Account() != row.Account:
		return "", foreignDefaultKey()
	case row.KMSKeyID == "":
		return defaultKey, nil
	case call.Account() == row.Account || strings.HasPrefix(row.KMSKeyID, "arn:"):
		return row.KMSKeyID, nil
	case strings.HasPrefix(row.KMSKeyID, "alias/"):
		return arn.New("kms", s.region, row.Account, row.KMSKeyID), nil
	default:
		return arn.New("kms", s.region, row.Account, "key/"+row.KMSKeyID), nil
	}
}

func foreignDefaultKey() error {
	return invalidRequest("You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")
}

// newDataKey asks KMS for a data key under the row's key. The caller erases the
// plaintext.
func (s *Service) newDataKey(ctx context.Context, row *secret, id string) ([]byte, wrapped, error) {
	name, err := s.key(ctx, row)
	if err != nil {
		return nil, wrapped{}, err
	}
	out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &name, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext(row.arn(), id),
	})
	if err != nil {
		return nil, wrapped{}, ofKMS(err, encryptionFailure)
	}
	return out.Plaintext, wrapped{KeyID: aws.ToString(out.KeyId), Default: row.KMSKeyID == "", Ciphertext: out.CiphertextBlob}, nil
}

// checkKey makes sure that the caller may seal and open under a customer's key,
// before a secret depends on it.
func (s *Service) checkKey(ctx context.Context, row *secret) error {
	if row.KMSKeyID == "" && wire.CallFrom(ctx).Account() == row.Account {
		return nil
	}
	plaintext, w, err := s.newDataKey(ctx, row, validation)
	if err != nil {
		return err
	}
	clear(plaintext)
	plaintext, err = s.unwrap(ctx, w, encryptionContext(row.arn(), validation))
	clear(plaintext)
	return err
}

func (s *Service) unwrap(ctx context.Context, w wrapped, bound map[string]string) ([]byte, error) {
	out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: w.Ciphertext, EncryptionContext: bound})
	if err != nil {
		return nil, ofKMS(err, decryptionFailure)
	}
	return out.Plaintext, nil
}

// dataKey opens a version's data key under the latest of its KMS keys that lets
// the caller. If none does, the latest one's refusal counts.
func (s *Service) dataKey(ctx context.Context, row *secret, v *version) ([]byte, error) {
	bound := encryptionContext(row.arn(), v.ID)
	var refusal error
	for _, w := range v.Keys {
		if w.Default && wire.CallFrom(ctx).Account() != row.Account {
			refusal = first(refusal, foreignDefaultKey())
			continue
		}
		plaintext, err := s.unwrap(ctx, w, bound)
		if err == nil {
			return plaintext, nil
		}
		refusal = first(refusal, err)
	}
	if refusal == nil {
		return nil, fmt.Errorf("open version %s of %s: it has no data key", v.ID, row.arn())
	}
	return nil, refusal
}

// unlessRefused passes on only what is no answer of KMS's.
func unlessRefused(err error) error {
	if _, refused := errors.AsType[smithy.APIError](err); refused {
		return nil
	}
	return err
}

func first(err, next error) error {
	if err != nil {
		return err
	}
	return next
}

// seal makes a version of a value, under a new data key.
func (s *Service) seal(ctx context.Context, row *secret, id string, v value) (*version, error) {
	key, w, err := s.newDataKey(ctx, row, id)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	out := &version{
		Account: row.Account, Name: row.Name, Suffix: row.Suffix, ID: id,
		Created: s.clock.Now(), Binary: v.binary, Keys: []wrapped{w},
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("seal version %s of %s: %w", id, row.arn(), err)
	}
	out.Sealed = aead.Seal(nil, nil, v.bytes, out.associated(row)) //nolint:gosec // the cipher draws its nonce itself
	return out, nil
}

// open gives back the value of a version to a caller whom KMS lets.
func (s *Service) open(ctx context.Context, row *secret, v *version) (value, error) {
	key, err := s.dataKey(ctx, row, v)
	if err != nil {
		return value{}, err
	}
	defer clear(key)
	aead, err := newAEAD(key)
	if err != nil {
		return value{}, fmt.Errorf("open version %s of %s: %w", v.ID, row.arn(), err)
	}
	plaintext, err := aead.Open(nil, nil, v.Sealed, v.associated(row))
	if err != nil {
		return value{}, fmt.Errorf("open version %s of %s: %w", v.ID, row.arn(), err)
	}
	return value{bytes: plaintext, binary: v.Binary}, nil
}

// newAEAD makes the cipher of one data key, which seals one value: the nonce is
// random and travels with the ciphertext.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// associated is what a sealed value belongs to: moved elsewhere, it does not open.
func (v *version) associated(row *secret) []byte {
	kind := "string"
	if v.Binary {
		kind = "binary"
	}
	return []byte("garrison secret\x00" + row.arn() + "\x00" + v.ID + "\x00" + kind)
}

// rewrap seals a version's data key under the row's KMS key as well, which the
// version's earlier keys go on to open too (Secrets Manager User Guide, "Change
// the encryption key"). It returns nil where the caller may not.
func (s *Service) rewrap(ctx context.Context, row *secret, v *version) ([]wrapped, error) {
	name, err := s.key(ctx, row)
	if err != nil {
		return nil, err
	}
	key, err := s.dataKey(ctx, row, v)
	if err != nil {
		return nil, unlessRefused(err)
	}
	defer clear(key)
	out, err := s.kms.Encrypt(ctx, &kms.EncryptInput{
		KeyId: &name, Plaintext: key, EncryptionContext: encryptionContext(row.arn(), v.ID),
	})
	if err != nil {
		return nil, unlessRefused(ofKMS(err, encryptionFailure))
	}
	latest := wrapped{KeyID: aws.ToString(out.KeyId), Default: row.KMSKeyID == "", Ciphertext: out.CiphertextBlob}
	kept := slices.DeleteFunc(slices.Clone(v.Keys), func(w wrapped) bool { return w.KeyID == latest.KeyID })
	all := append([]wrapped{latest}, kept...)
	return all[:min(len(all), maxWrapped)], nil
}

// same compares in constant time, so that a guess learns nothing by its length of
// agreement.
func (v value) same(other value) bool {
	return v.binary == other.binary && hmac.Equal(v.bytes, other.bytes)
}

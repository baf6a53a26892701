package ssm

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// defaultKey is the key of SecureStrings whose maker named none.
const defaultKey = "alias/aws/ssm"

// encryptionContext ties a value to its parameter (Systems Manager User Guide,
// "AWS KMS encryption for SecureString parameters", Encryption context).
func encryptionContext(parameterARN string) map[string]string {
	return map[string]string{"PARAMETER_ARN": parameterARN}
}

// seal has KMS encrypt a standard parameter's value itself, and an advanced one's
// under a data key, as the caller.
func (s *Service) seal(ctx context.Context, v *version, parameterARN string, plaintext []byte) ([]byte, error) {
	defer clear(plaintext)
	bound := encryptionContext(parameterARN)
	if !v.advanced() {
		out, err := s.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &v.KeyID, Plaintext: plaintext, EncryptionContext: bound})
		if err != nil {
			return nil, ofKMS(err)
		}
		return out.CiphertextBlob, nil
	}
	out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &v.KeyID, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: bound,
	})
	if err != nil {
		return nil, ofKMS(err)
	}
	defer clear(out.Plaintext)
	m := &message{context: bound, keys: []sealedKey{{provider: kmsProvider, info: aws.ToString(out.KeyId), ciphertext: out.CiphertextBlob}}}
	sealed, err := m.seal(out.Plaintext, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", parameterARN, err)
	}
	return sealed, nil
}

// open gives back a SecureString's value to a caller whom KMS lets.
func (s *Service) open(ctx context.Context, v *version, parameterARN string) (string, error) {
	bound := encryptionContext(parameterARN)
	if !v.advanced() {
		out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: v.Value, EncryptionContext: bound})
		if err != nil {
			return "", ofKMS(err)
		}
		defer clear(out.Plaintext)
		return string(out.Plaintext), nil
	}
	m, err := parseMessage(v.Value)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", parameterARN, err)
	}
	out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: m.keys[0].ciphertext, EncryptionContext: bound})
	if err != nil {
		return "", ofKMS(err)
	}
	defer clear(out.Plaintext)
	plaintext, err := m.open(out.Plaintext)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", parameterARN, err)
	}
	defer clear(plaintext)
	return string(plaintext), nil
}

// value is what a read answers: of a SecureString the ciphertext, unless it is to
// be opened.
func (s *Service) value(ctx context.Context, v *version, parameterARN string, decrypt *bool) (string, error) {
	switch {
	case !v.secure():
		return string(v.Value), nil
	case aws.ToBool(decrypt):
		return s.open(ctx, v, parameterARN)
	default:
		return base64.StdEncoding.EncodeToString(v.Value), nil
	}
}

package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// GetPublicKey returns the public half of an asymmetric key, as a DER-encoded
// SubjectPublicKeyInfo (RFC 5280 §4.1).
func (s *Service) GetPublicKey(ctx context.Context, in *kms.GetPublicKeyInput) (*kms.GetPublicKeyOutput, error) {
	k, err := s.find(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if !k.Spec.Asymmetric() {
		return nil, unsupported("%s key spec is %s which is not valid for GetPublicKey.", k.arn(), k.Spec)
	}
	if err := k.usable(k.Usage, "GetPublicKey"); err != nil {
		return nil, err
	}
	m, err := s.material(ctx, k, k.MaterialID)
	if err != nil {
		return nil, err
	}
	der, err := m.PublicKey()
	if err != nil {
		return nil, k.ended(err)
	}
	d := k.metadata()
	return &kms.GetPublicKeyOutput{
		KeyId: aws.String(k.arn()), PublicKey: der, KeySpec: d.KeySpec, CustomerMasterKeySpec: d.CustomerMasterKeySpec,
		KeyUsage: d.KeyUsage, EncryptionAlgorithms: d.EncryptionAlgorithms, SigningAlgorithms: d.SigningAlgorithms,
		KeyAgreementAlgorithms: d.KeyAgreementAlgorithms,
	}, nil
}

// DeriveSharedSecret agrees on a secret with the holder of another key pair on
// the same curve.
func (s *Service) DeriveSharedSecret(ctx context.Context, in *kms.DeriveSharedSecretInput) (*kms.DeriveSharedSecretOutput, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	k, m, err := s.use(ctx, in.KeyId, seal.KeyAgreement, "DeriveSharedSecret")
	if err != nil {
		return nil, err
	}
	secret, err := m.DeriveSharedSecret(seal.KeyAgreementAlgorithm(in.KeyAgreementAlgorithm), in.PublicKey)
	if errors.Is(err, seal.ErrInvalidPublicKey) {
		return nil, invalid("The public key is not valid for the key spec %s.", k.Spec)
	}
	if err != nil {
		return nil, k.ended(err)
	}
	if err := checkDryRun(in.DryRun); err != nil {
		clear(secret)
		return nil, err
	}
	return &kms.DeriveSharedSecretOutput{
		KeyId: aws.String(k.arn()), SharedSecret: secret,
		KeyAgreementAlgorithm: in.KeyAgreementAlgorithm, KeyOrigin: k.origin(),
	}, nil
}

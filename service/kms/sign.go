package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func orRaw(m types.MessageType) types.MessageType {
	if m == "" {
		return types.MessageTypeRaw
	}
	return m
}

// Sign signs a message of up to 4 KiB, or the digest of any.
func (s *Service) Sign(ctx context.Context, in *kms.SignInput) (*kms.SignOutput, error) {
	k, m, err := s.signer(ctx, in.KeyId, in.SigningAlgorithm, "Sign")
	if err != nil {
		return nil, err
	}
	sig, err := m.Sign(seal.SigningAlgorithm(in.SigningAlgorithm), seal.MessageType(orRaw(in.MessageType)), in.Message)
	if err != nil {
		return nil, k.signError(err, in.SigningAlgorithm, in.MessageType)
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.SignOutput{KeyId: aws.String(k.arn()), Signature: sig, SigningAlgorithm: in.SigningAlgorithm}, nil
}

// Verify checks a signature. One that does not hold is an exception, so that
// nobody takes an unread answer for a yes.
func (s *Service) Verify(ctx context.Context, in *kms.VerifyInput) (*kms.VerifyOutput, error) {
	k, m, err := s.signer(ctx, in.KeyId, in.SigningAlgorithm, "Verify")
	if err != nil {
		return nil, err
	}
	err = m.Verify(seal.SigningAlgorithm(in.SigningAlgorithm), seal.MessageType(orRaw(in.MessageType)), in.Message, in.Signature)
	if err != nil {
		return nil, k.signError(err, in.SigningAlgorithm, in.MessageType)
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.VerifyOutput{KeyId: aws.String(k.arn()), SignatureValid: true, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (s *Service) signer(ctx context.Context, given *string, a types.SigningAlgorithmSpec, operation string) (*key, *seal.Material, error) {
	k, m, err := s.use(ctx, given, seal.SignVerify, operation)
	if err != nil {
		return nil, nil, err
	}
	if !has(k.Spec.SigningAlgorithms(), a) {
		return nil, nil, incompatible(a, k.Spec)
	}
	return k, m, nil
}

// has reports whether a list of names has one.
func has[A, B ~string](list []A, name B) bool {
	for _, v := range list {
		if string(v) == string(name) {
			return true
		}
	}
	return false
}

// signError says in AWS's words what engine/seal refused. That the spec has the
// algorithm is known by then, so only the message's type can be incompatible.
func (k *key) signError(err error, a types.SigningAlgorithmSpec, mt types.MessageType) error {
	switch {
	case errors.Is(err, seal.ErrInvalidSignature):
		return &types.KMSInvalidSignatureException{}
	case errors.Is(err, seal.ErrInvalidLength) && mt == types.MessageTypeExternalMu:
		return invalid("External Mu is invalid length for algorithm %s.", a)
	case errors.Is(err, seal.ErrInvalidLength):
		return invalid("Digest is invalid length for algorithm %s.", a)
	case errors.Is(err, seal.ErrIncompatible):
		return invalid("Message type %s is incompatible with key spec %s.", orRaw(mt), k.Spec)
	default:
		return k.ended(err)
	}
}

// GenerateMac authenticates a message of up to 4 KiB.
func (s *Service) GenerateMac(ctx context.Context, in *kms.GenerateMacInput) (*kms.GenerateMacOutput, error) {
	k, m, err := s.maker(ctx, in.KeyId, in.MacAlgorithm, "GenerateMac")
	if err != nil {
		return nil, err
	}
	mac, err := m.GenerateMac(seal.MacAlgorithm(in.MacAlgorithm), in.Message)
	if err != nil {
		return nil, k.ended(err)
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.GenerateMacOutput{KeyId: aws.String(k.arn()), Mac: mac, MacAlgorithm: in.MacAlgorithm}, nil
}

// VerifyMac checks a MAC in constant time. One that does not hold is an
// exception.
func (s *Service) VerifyMac(ctx context.Context, in *kms.VerifyMacInput) (*kms.VerifyMacOutput, error) {
	k, m, err := s.maker(ctx, in.KeyId, in.MacAlgorithm, "VerifyMac")
	if err != nil {
		return nil, err
	}
	err = m.VerifyMac(seal.MacAlgorithm(in.MacAlgorithm), in.Message, in.Mac)
	if errors.Is(err, seal.ErrInvalidMac) {
		return nil, &types.KMSInvalidMacException{}
	}
	if err != nil {
		return nil, k.ended(err)
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.VerifyMacOutput{KeyId: aws.String(k.arn()), MacValid: true, MacAlgorithm: in.MacAlgorithm}, nil
}

func (s *Service) maker(ctx context.Context, given *string, a types.MacAlgorithmSpec, operation string) (*key, *seal.Material, error) {
	k, m, err := s.use(ctx, given, seal.GenerateVerifyMac, operation)
	if err != nil {
		return nil, nil, err
	}
	if !has(k.Spec.MacAlgorithms(), a) {
		return nil, nil, incompatible(a, k.Spec)
	}
	return k, m, nil
}

package kms_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestGetPublicKey(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, tt := range []struct {
		spec  types.KeySpec
		usage types.KeyUsageType
	}{{"RSA_2048", "ENCRYPT_DECRYPT"}, {"ECC_NIST_P384", "SIGN_VERIFY"}, {"ECC_NIST_P521", "KEY_AGREEMENT"}} {
		k := createSpec(t, c, tt.spec, tt.usage)
		out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		wanted := &kms.GetPublicKeyOutput{
			KeyId: k.Arn, KeySpec: tt.spec, CustomerMasterKeySpec: types.CustomerMasterKeySpec(tt.spec), KeyUsage: tt.usage,
			EncryptionAlgorithms: k.EncryptionAlgorithms, SigningAlgorithms: k.SigningAlgorithms, KeyAgreementAlgorithms: k.KeyAgreementAlgorithms,
		}
		if diff := cmp.Diff(wanted, out, cmpopts.IgnoreFields(kms.GetPublicKeyOutput{}, "PublicKey", "ResultMetadata"), cmpopts.IgnoreUnexported(kms.GetPublicKeyOutput{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.spec, diff)
		}
		if _, err := x509.ParsePKIXPublicKey(out.PublicKey); err != nil {
			t.Errorf("%s: %v", tt.spec, err)
		}
	}
	symmetric := createKey(t, c)
	_, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: symmetric.KeyId})
	garrisontest.Want(t, err, "UnsupportedOperationException: "+*symmetric.Arn+" key spec is SYMMETRIC_DEFAULT which is not valid for GetPublicKey.")
	mac := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC")
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: mac.KeyId})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
}

// TestDeriveSharedSecret agrees with a party that holds its key itself.
func TestDeriveSharedSecret(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createSpec(t, c, "ECC_NIST_P256", "KEY_AGREEMENT")
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	in := &kms.DeriveSharedSecretInput{KeyId: k.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: der}
	out, err := c.DeriveSharedSecret(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	public, err := publicKey(t, c, k).(*ecdsa.PublicKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := mine.ECDH(public)
	if err != nil || !bytes.Equal(secret, out.SharedSecret) {
		t.Errorf("the secrets differ: %v", err)
	}
	if *out.KeyId != *k.Arn || out.KeyOrigin != "AWS_KMS" || out.KeyAgreementAlgorithm != "ECDH" {
		t.Errorf("answer = %s, %s, %s", *out.KeyId, out.KeyOrigin, out.KeyAgreementAlgorithm)
	}
	in.DryRun = aws.Bool(true)
	_, err = c.DeriveSharedSecret(t.Context(), in)
	garrisontest.Want(t, err, "DryRunOperationException: ")

	another, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in.DryRun = nil
	if in.PublicKey, err = x509.MarshalPKIXPublicKey(another.PublicKey()); err != nil {
		t.Fatal(err)
	}
	_, err = c.DeriveSharedSecret(t.Context(), in)
	garrisontest.Want(t, err, "ValidationException: ")
	signing := createSpec(t, c, "ECC_NIST_P256", "SIGN_VERIFY")
	_, err = c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: signing.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: der})
	garrisontest.Want(t, err, "InvalidKeyUsageException: "+*signing.Arn+" key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret.")
}

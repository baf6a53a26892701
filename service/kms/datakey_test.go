package kms_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestGenerateDataKey(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	given := map[string]string{"tenant": "acme"}
	for _, tt := range []struct {
		spec  types.DataKeySpec
		bytes *int32
		size  int
	}{{"AES_256", nil, 32}, {"AES_128", nil, 16}, {"", aws.Int32(1), 1}, {"", aws.Int32(1024), 1024}} {
		out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: tt.spec, NumberOfBytes: tt.bytes, EncryptionContext: given})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Plaintext) != tt.size || *out.KeyId != *k.Arn || *out.KeyMaterialId != *k.CurrentKeyMaterialId {
			t.Errorf("%s: %d bytes under %s, want %d under %s", tt.spec, len(out.Plaintext), *out.KeyId, tt.size, *k.Arn)
		}
		opens(t, c, out.CiphertextBlob, given, out.Plaintext)
		sealed, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, KeySpec: tt.spec, NumberOfBytes: tt.bytes, EncryptionContext: given})
		if err != nil || *sealed.KeyMaterialId != *k.CurrentKeyMaterialId {
			t.Fatalf("without plaintext: %v, %v", sealed, err)
		}
		if plain := opens(t, c, sealed.CiphertextBlob, given, nil); len(plain) != tt.size {
			t.Errorf("%s without plaintext: %d bytes, want %d", tt.spec, len(plain), tt.size)
		}
	}
}

// opens decrypts, and compares with plaintext unless that is nil.
func opens(t *testing.T, c *kms.Client, blob []byte, given map[string]string, plaintext []byte) []byte {
	t.Helper()
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given})
	if err != nil {
		t.Fatalf("decrypt: %v", err)
	}
	if plaintext != nil && !bytes.Equal(out.Plaintext, plaintext) {
		t.Error("the ciphertext opens to something else")
	}
	return out.Plaintext
}

func TestGenerateDataKeyErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k, pair := createKey(t, c), createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	mac := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC")
	for _, tt := range []struct {
		name, want string
		in         kms.GenerateDataKeyInput
	}{
		{"neither size", "ValidationException: Please specify either number of bytes or key spec.", kms.GenerateDataKeyInput{KeyId: k.KeyId}},
		{"both sizes", "ValidationException: Please specify either number of bytes or key spec.", kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: "AES_256", NumberOfBytes: aws.Int32(32)}},
		{"no bytes", "ValidationException: 1 validation error detected: Value '0' at 'numberOfBytes'", kms.GenerateDataKeyInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(0)}},
		{"too many bytes", "ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes'", kms.GenerateDataKeyInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(1025)}},
		{"HMAC key", "InvalidKeyUsageException: " + *mac.Arn + " key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey.", kms.GenerateDataKeyInput{KeyId: mac.KeyId, KeySpec: "AES_256"}},
		{"RSA key", "InvalidKeyUsageException: ", kms.GenerateDataKeyInput{KeyId: pair.KeyId, KeySpec: "AES_256"}},
		{"attestation", "UnsupportedOperationException: ", kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: "AES_256", Recipient: &types.RecipientInfo{}}},
		{"dry run", "DryRunOperationException: ", kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: "AES_256", DryRun: aws.Bool(true)}},
	} {
		_, err := c.GenerateDataKey(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestGenerateDataKeyPair(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	given := map[string]string{"tenant": "acme"}
	for _, spec := range []types.DataKeyPairSpec{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1"} {
		out, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec, EncryptionContext: given})
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if out.KeyPairSpec != spec || *out.KeyId != *k.Arn || *out.KeyMaterialId != *k.CurrentKeyMaterialId {
			t.Errorf("%s: answer %s under %s", spec, out.KeyPairSpec, *out.KeyId)
		}
		opens(t, c, out.PrivateKeyCiphertextBlob, given, out.PrivateKeyPlaintext)
		belongs(t, spec, out.PrivateKeyPlaintext, out.PublicKey)

		sealed, err := c.GenerateDataKeyPairWithoutPlaintext(t.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: k.KeyId, KeyPairSpec: spec, EncryptionContext: given})
		if err != nil {
			t.Fatalf("%s without plaintext: %v", spec, err)
		}
		belongs(t, spec, opens(t, c, sealed.PrivateKeyCiphertextBlob, given, nil), sealed.PublicKey)
	}
	_, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: "SM2"})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	_, err = c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: "ECC_NIST_P256", DryRun: aws.Bool(true)})
	garrisontest.Want(t, err, "DryRunOperationException: ")
}

// belongs checks that the private half, PKCS #8, has the public one. The standard
// library does not know secp256k1.
func belongs(t *testing.T, spec types.DataKeyPairSpec, private, public []byte) {
	t.Helper()
	if spec == "ECC_SECG_P256K1" {
		return
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		t.Errorf("%s: %v", spec, err)
		return
	}
	der, err := x509.MarshalPKIXPublicKey(parsed.(interface{ Public() crypto.PublicKey }).Public())
	if err != nil || !bytes.Equal(der, public) {
		t.Errorf("%s: the halves do not belong together: %v", spec, err)
	}
}

func TestGenerateRandom(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	seen := map[string]bool{}
	for range 5 {
		out, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(16)})
		if err != nil || len(out.Plaintext) != 16 || seen[string(out.Plaintext)] {
			t.Fatalf("random: %v, %v", out, err)
		}
		seen[string(out.Plaintext)] = true
	}
	for _, tt := range []struct {
		want string
		in   kms.GenerateRandomInput
	}{
		{"ValidationException: NumberOfBytes is required.", kms.GenerateRandomInput{}},
		{"ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024", kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1025)}},
		{"CustomKeyStoreNotFoundException: ", kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: aws.String("cks-1234567890abcdef0")}},
		{"UnsupportedOperationException: ", kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1), Recipient: &types.RecipientInfo{}}},
	} {
		_, err := c.GenerateRandom(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
}

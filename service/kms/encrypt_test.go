package kms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestDecryptUndoesEncrypt holds for every plaintext and context, and for no
// other context.
func TestDecryptUndoesEncrypt(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	id := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata.KeyId
	contexts := rapid.MapOfN(rapid.StringN(1, 8, 32), rapid.StringN(0, 8, 32), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(t, "plaintext")
		given, another := contexts.Draw(t, "context"), contexts.Draw(t, "another")
		sealed, err := call[kms.EncryptOutput](d, by(account), &kms.EncryptInput{KeyId: id, Plaintext: plaintext, EncryptionContext: given})
		if err != nil {
			t.Fatal(err)
		}
		if len(plaintext) >= 8 && bytes.Contains(sealed.CiphertextBlob, plaintext) {
			t.Fatal("the plaintext lies open in the ciphertext")
		}
		out, err := call[kms.DecryptOutput](d, by(account), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: given})
		if err != nil || !bytes.Equal(out.Plaintext, plaintext) {
			t.Fatalf("decrypt: %v", err)
		}
		if same(given, another) {
			return
		}
		_, err = call[kms.DecryptOutput](d, by(account), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: another})
		if got := garrisontest.Fault(err); got != "InvalidCiphertextException: " {
			t.Fatalf("decrypt with another context: %q", got)
		}
	})
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func TestEncryptAnswers(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	if err != nil || *out.KeyId != *k.Arn || out.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("encrypt: %v, %v", out, err)
	}
	plain, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: k.KeyId})
	if err != nil || *plain.KeyId != *k.Arn || plain.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" || *plain.KeyMaterialId != *k.CurrentKeyMaterialId {
		t.Errorf("decrypt: %v, %v", plain, err)
	}
}

func TestEncryptErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	symmetric, signing := createKey(t, c), createSpec(t, c, "ECC_NIST_P256", "SIGN_VERIFY")
	mac, pair := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	x := []byte("x")
	for _, tt := range []struct {
		name, want string
		in         kms.EncryptInput
	}{
		{"too large", "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: make([]byte, 4097)}},
		{"empty", "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: []byte{}}},
		{"largest", "", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: make([]byte, 4096)}},
		{"signing key", "InvalidKeyUsageException: " + *signing.Arn + " key usage is SIGN_VERIFY which is not valid for Encrypt.", kms.EncryptInput{KeyId: signing.KeyId, Plaintext: x}},
		{"HMAC key", "InvalidKeyUsageException: " + *mac.Arn + " key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.", kms.EncryptInput{KeyId: mac.KeyId, Plaintext: x}},
		{"RSA under the default", "InvalidKeyUsageException: Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.", kms.EncryptInput{KeyId: pair.KeyId, Plaintext: x}},
		{"symmetric under RSA's", "InvalidKeyUsageException: Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: x, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"}},
		{"RSA with a context", "ValidationException: ", kms.EncryptInput{KeyId: pair.KeyId, Plaintext: x, EncryptionAlgorithm: "RSAES_OAEP_SHA_256", EncryptionContext: map[string]string{"a": "b"}}},
		{"RSA SHA-1 largest", "", kms.EncryptInput{KeyId: pair.KeyId, Plaintext: make([]byte, 214), EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}},
		{"RSA SHA-1 too large", "ValidationException: Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes.", kms.EncryptInput{KeyId: pair.KeyId, Plaintext: make([]byte, 215), EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}},
		{"RSA SHA-256 too large", "ValidationException: Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.", kms.EncryptInput{KeyId: pair.KeyId, Plaintext: make([]byte, 191), EncryptionAlgorithm: "RSAES_OAEP_SHA_256"}},
		{"huge context", "ValidationException: ", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: x, EncryptionContext: map[string]string{"a": strings.Repeat("b", 8192)}}},
		{"no such key", "NotFoundException: Key '" + keyARN(nobody) + "' does not exist", kms.EncryptInput{KeyId: aws.String(nobody), Plaintext: x}},
		{"dry run", "DryRunOperationException: The request would have succeeded, but the DryRun option is set.", kms.EncryptInput{KeyId: symmetric.KeyId, Plaintext: x, DryRun: aws.Bool(true)}},
		{"dry run of what fails", "InvalidKeyUsageException: ", kms.EncryptInput{KeyId: mac.KeyId, Plaintext: x, DryRun: aws.Bool(true)}},
	} {
		_, err := c.Encrypt(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDecryptErrors(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k, another := createKey(t, c), createKey(t, c)
	mac, pair := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	given := map[string]string{"tenant": "acme"}
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: given})
	damaged := bytes.Clone(blob)
	damaged[len(damaged)-1] ^= 1
	const incorrect = "IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation."
	const refused = "AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
	for _, tt := range []struct {
		name, want string
		in         kms.DecryptInput
	}{
		{"well", "", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given}},
		{"no context", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: blob}},
		{"another case", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"Tenant": "acme"}}},
		{"damaged", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: damaged, EncryptionContext: given}},
		{"cut", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: blob[:40], EncryptionContext: given}},
		{"foreign bytes", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: bytes.Repeat([]byte("x"), 200)}},
		{"another key", incorrect, kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given, KeyId: another.KeyId}},
		{"key of another usage", incorrect, kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given, KeyId: mac.KeyId}},
		{"no ciphertext", "ValidationException: 1 validation error detected: Value null at 'ciphertextBlob'", kms.DecryptInput{KeyId: k.KeyId}},
		{"too long", "ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=6145 cap=6145]' at 'ciphertextBlob'", kms.DecryptInput{CiphertextBlob: make([]byte, 6145)}},
		{"RSA without a key", "ValidationException: ", kms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}},
		{"RSA's algorithm, symmetric key", "InvalidKeyUsageException: Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.", kms.DecryptInput{CiphertextBlob: blob, KeyId: k.KeyId, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}},
		{"RSA of foreign bytes", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: make([]byte, 256), KeyId: pair.KeyId, EncryptionAlgorithm: "RSAES_OAEP_SHA_1"}},
		{"dry run", "DryRunOperationException: ", kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given, DryRun: aws.Bool(true)}},
		{"dry run of what fails", "InvalidCiphertextException: ", kms.DecryptInput{CiphertextBlob: blob, DryRun: aws.Bool(true)}},
		{"permissions alone", "DryRunOperationException: ", kms.DecryptInput{KeyId: k.KeyId, DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}}},
		{"permissions alone, no key", "ValidationException: ", kms.DecryptInput{DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}}},
		{"modifier without dry run", "ValidationException: 1 validation error", kms.DecryptInput{KeyId: k.KeyId, DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}}},
		{"attestation", "UnsupportedOperationException: ", kms.DecryptInput{CiphertextBlob: blob, Recipient: &types.RecipientInfo{KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256", AttestationDocument: []byte("x")}}},
	} {
		_, err := c.Decrypt(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	elsewhere := kms.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion))
	_, err := elsewhere.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: given})
	garrisontest.Want(t, err, refused)
}

// TestRSAEncryptionIsStandard opens what others sealed with the public key.
func TestRSAEncryptionIsStandard(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), []byte("from outside"), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &kms.DecryptInput{KeyId: k.KeyId, CiphertextBlob: sealed, EncryptionAlgorithm: "RSAES_OAEP_SHA_256"}
	plain, err := c.Decrypt(t.Context(), in)
	if err != nil || string(plain.Plaintext) != "from outside" || plain.KeyMaterialId != nil {
		t.Errorf("decrypt: %v, %v", plain, err)
	}
	in.EncryptionAlgorithm = "RSAES_OAEP_SHA_1"
	_, err = c.Decrypt(t.Context(), in)
	garrisontest.Want(t, err, "InvalidCiphertextException: ")
}

func TestReEncrypt(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	from, to, pair := createKey(t, c), createKey(t, c), createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	before, after := map[string]string{"v": "1"}, map[string]string{"v": "2"}
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("moved"), EncryptionContext: before})
	out, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: before, DestinationKeyId: to.KeyId, DestinationEncryptionContext: after,
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.SourceKeyId != *from.Arn || *out.KeyId != *to.Arn || *out.SourceKeyMaterialId != *from.CurrentKeyMaterialId || *out.DestinationKeyMaterialId != *to.CurrentKeyMaterialId {
		t.Errorf("answer = %+v", out)
	}
	plain, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: to.KeyId, EncryptionContext: after})
	if err != nil || string(plain.Plaintext) != "moved" {
		t.Errorf("decrypt: %v, %v", plain, err)
	}
	// Out of the symmetric key into the pair, and back.
	sealed, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: before, DestinationKeyId: pair.KeyId, DestinationEncryptionAlgorithm: "RSAES_OAEP_SHA_256",
	})
	if err != nil || sealed.DestinationKeyMaterialId != nil {
		t.Fatalf("into RSA: %v, %v", sealed, err)
	}
	back, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{
		CiphertextBlob: sealed.CiphertextBlob, SourceKeyId: pair.KeyId, SourceEncryptionAlgorithm: "RSAES_OAEP_SHA_256", DestinationKeyId: from.KeyId,
	})
	if err != nil {
		t.Fatalf("out of RSA: %v", err)
	}
	plain, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: back.CiphertextBlob})
	if err != nil || string(plain.Plaintext) != "moved" {
		t.Errorf("decrypt: %v, %v", plain, err)
	}
}

func TestReEncryptErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	from, to := createKey(t, c), createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("x")})
	for _, tt := range []struct {
		name, want string
		in         kms.ReEncryptInput
	}{
		{"another source", "IncorrectKeyException: ", kms.ReEncryptInput{CiphertextBlob: blob, SourceKeyId: to.KeyId, DestinationKeyId: to.KeyId}},
		{"another context", "InvalidCiphertextException: ", kms.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: map[string]string{"a": "b"}, DestinationKeyId: to.KeyId}},
		{"no destination", "NotFoundException: ", kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: aws.String(nobody)}},
		{"dry run", "DryRunOperationException: ", kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId, DryRun: aws.Bool(true)}},
		{"permissions alone", "DryRunOperationException: ", kms.ReEncryptInput{SourceKeyId: from.KeyId, DestinationKeyId: to.KeyId, DryRun: aws.Bool(true), DryRunModifiers: []types.DryRunModifierType{"IGNORE_CIPHERTEXT"}}},
	} {
		_, err := c.ReEncrypt(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestReEncryptAsksBothKeys needs kms:ReEncryptFrom on one and kms:ReEncryptTo on
// the other.
func TestReEncryptAsksBothKeys(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	from, to := createKey(t, root), createKey(t, root)
	blob := encrypt(t, root, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("x")})
	policy := func(fromARN, toARN string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptFrom","Resource":"` + fromARN + `"},` +
			`{"Effect":"Allow","Action":"kms:ReEncryptTo","Resource":"` + toARN + `"}]}`
	}
	move := func(c *kms.Client) error {
		_, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId})
		return err
	}
	garrisontest.Want(t, move(user(t, s, "both", policy(*from.Arn, *to.Arn))), "")
	garrisontest.Want(t, move(user(t, s, "crossed", policy(*to.Arn, *from.Arn))), "AccessDeniedException: User: arn:aws:iam::"+account+":user/crossed is not authorized to perform: kms:ReEncryptFrom on resource: "+*from.Arn)
	garrisontest.Want(t, move(user(t, s, "half", policy(*from.Arn, *from.Arn))), "AccessDeniedException: User: arn:aws:iam::"+account+":user/half is not authorized to perform: kms:ReEncryptTo on resource: "+*to.Arn)
	garrisontest.Want(t, move(user(t, s, "other-names", allowing("kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt"))), "AccessDeniedException: ")
}

package kms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms below
	_ "crypto/sha512"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

func hashOf(a types.SigningAlgorithmSpec) crypto.Hash { return hashes[string(a[len(a)-3:])] }

func digest(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}

// TestSignatures signs with every algorithm of every spec, as a message and as a
// digest, and verifies with the public key outside and by Verify.
func TestSignatures(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	message := bytes.Repeat([]byte("m"), 4096)
	for _, spec := range []types.KeySpec{"RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1"} {
		k := createSpec(t, c, spec, "SIGN_VERIFY")
		public := publicKey(t, c, k)
		for _, a := range k.SigningAlgorithms {
			sum := digest(hashOf(a), message)
			for kind, body := range map[types.MessageType][]byte{"RAW": message, "DIGEST": sum, "": message} {
				out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: k.KeyId, Message: body, MessageType: kind, SigningAlgorithm: a})
				if err != nil {
					t.Fatalf("%s %s %s: %v", spec, a, kind, err)
				}
				if *out.KeyId != *k.Arn || out.SigningAlgorithm != a {
					t.Errorf("%s %s: answer %s, %s", spec, a, *out.KeyId, out.SigningAlgorithm)
				}
				if public != nil && !holds(public, a, sum, out.Signature) {
					t.Errorf("%s %s %s: the signature does not hold outside", spec, a, kind)
				}
				verifies(t, c, &kms.VerifyInput{KeyId: k.KeyId, Message: body, MessageType: kind, SigningAlgorithm: a, Signature: out.Signature})
			}
		}
	}
}

// verifies checks a signature, and that no other holds.
func verifies(t *testing.T, c *kms.Client, in *kms.VerifyInput) {
	t.Helper()
	out, err := c.Verify(t.Context(), in)
	if err != nil || !out.SignatureValid || out.SigningAlgorithm != in.SigningAlgorithm {
		t.Errorf("verify %s: %v, %v", in.SigningAlgorithm, out, err)
	}
	in.Signature = bytes.Clone(in.Signature)
	in.Signature[len(in.Signature)-1] ^= 1
	_, err = c.Verify(t.Context(), in)
	if got := garrisontest.Fault(err); got != "KMSInvalidSignatureException: " {
		t.Errorf("verify a changed %s: %q", in.SigningAlgorithm, got)
	}
}

// publicKey is nil for the curve that the standard library does not know.
func publicKey(t *testing.T, c *kms.Client, k *types.KeyMetadata) crypto.PublicKey {
	t.Helper()
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	if k.KeySpec == "ECC_SECG_P256K1" {
		return nil
	}
	public, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		t.Fatalf("public key of %s: %v", k.KeySpec, err)
	}
	return public
}

func holds(public crypto.PublicKey, a types.SigningAlgorithmSpec, sum, signature []byte) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, sum, signature)
	case *rsa.PublicKey:
		if strings.HasPrefix(string(a), "RSASSA_PSS") {
			return rsa.VerifyPSS(p, hashOf(a), sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(p, hashOf(a), sum, signature) == nil
	}
	return false
}

func TestSignErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k, pair := createSpec(t, c, "ECC_NIST_P256", "SIGN_VERIFY"), createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	mac, agreeing := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), createSpec(t, c, "ECC_NIST_P256", "KEY_AGREEMENT")
	x := []byte("x")
	for _, tt := range []struct {
		name, want string
		in         kms.SignInput
	}{
		{"encryption key", "InvalidKeyUsageException: " + *pair.Arn + " key usage is ENCRYPT_DECRYPT which is not valid for Sign.", kms.SignInput{KeyId: pair.KeyId, Message: x, SigningAlgorithm: "RSASSA_PSS_SHA_256"}},
		{"HMAC key", "InvalidKeyUsageException: " + *mac.Arn + " key usage is GENERATE_VERIFY_MAC which is not valid for Sign.", kms.SignInput{KeyId: mac.KeyId, Message: x, SigningAlgorithm: "ECDSA_SHA_256"}},
		{"agreement key", "InvalidKeyUsageException: " + *agreeing.Arn + " key usage is KEY_AGREEMENT which is not valid for Sign.", kms.SignInput{KeyId: agreeing.KeyId, Message: x, SigningAlgorithm: "ECDSA_SHA_256"}},
		{"another curve's", "InvalidKeyUsageException: Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.", kms.SignInput{KeyId: k.KeyId, Message: x, SigningAlgorithm: "ECDSA_SHA_384"}},
		{"short digest", "ValidationException: Digest is invalid length for algorithm ECDSA_SHA_256.", kms.SignInput{KeyId: k.KeyId, Message: x, MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_256"}},
		{"external mu", "ValidationException: Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_P256.", kms.SignInput{KeyId: k.KeyId, Message: x, MessageType: "EXTERNAL_MU", SigningAlgorithm: "ECDSA_SHA_256"}},
		{"too long", "ValidationException: 1 validation error detected: Value at 'message'", kms.SignInput{KeyId: k.KeyId, Message: make([]byte, 4097), SigningAlgorithm: "ECDSA_SHA_256"}},
		{"unknown algorithm", "ValidationException: 1 validation error detected: Value 'MD5' at 'signingAlgorithm'", kms.SignInput{KeyId: k.KeyId, Message: x, SigningAlgorithm: "MD5"}},
		{"dry run", "DryRunOperationException: ", kms.SignInput{KeyId: k.KeyId, Message: x, SigningAlgorithm: "ECDSA_SHA_256", DryRun: aws.Bool(true)}},
	} {
		_, err := c.Sign(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
		verify := &kms.VerifyInput{
			KeyId: tt.in.KeyId, Message: tt.in.Message, MessageType: tt.in.MessageType,
			SigningAlgorithm: tt.in.SigningAlgorithm, DryRun: tt.in.DryRun, Signature: []byte("none"),
		}
		wanted := strings.ReplaceAll(tt.want, "for Sign.", "for Verify.")
		if tt.in.DryRun != nil {
			wanted = "KMSInvalidSignatureException: "
		}
		_, err = c.Verify(t.Context(), verify)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, wanted) {
			t.Errorf("verify, %s: error = %q, want %q", tt.name, got, wanted)
		}
	}
}

func TestMacs(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for spec, size := range map[types.KeySpec]int{"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64} {
		k := createSpec(t, c, spec, "GENERATE_VERIFY_MAC")
		a := k.MacAlgorithms[0]
		out, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: k.KeyId, Message: []byte("m"), MacAlgorithm: a})
		if err != nil || len(out.Mac) != size || out.MacAlgorithm != a || *out.KeyId != *k.Arn {
			t.Fatalf("%s: %v, %v", spec, out, err)
		}
		verify := func(message, mac []byte) (*kms.VerifyMacOutput, error) {
			return c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: k.KeyId, Message: message, Mac: mac, MacAlgorithm: a})
		}
		ok, err := verify([]byte("m"), out.Mac)
		if err != nil || !ok.MacValid || ok.MacAlgorithm != a {
			t.Errorf("%s: verify: %v, %v", spec, ok, err)
		}
		_, err = verify([]byte("n"), out.Mac)
		garrisontest.Want(t, err, "KMSInvalidMacException: ")
		_, err = verify([]byte("m"), out.Mac[:size-1])
		garrisontest.Want(t, err, "KMSInvalidMacException: ")
	}
}

func TestMacErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k, symmetric := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), createKey(t, c)
	for _, tt := range []struct {
		name, want string
		in         kms.GenerateMacInput
	}{
		{"another algorithm", "InvalidKeyUsageException: Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.", kms.GenerateMacInput{KeyId: k.KeyId, MacAlgorithm: "HMAC_SHA_512"}},
		{"encryption key", "InvalidKeyUsageException: " + *symmetric.Arn + " key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.", kms.GenerateMacInput{KeyId: symmetric.KeyId, MacAlgorithm: "HMAC_SHA_256"}},
		{"dry run", "DryRunOperationException: ", kms.GenerateMacInput{KeyId: k.KeyId, MacAlgorithm: "HMAC_SHA_256", DryRun: aws.Bool(true)}},
	} {
		tt.in.Message = []byte("m")
		_, err := c.GenerateMac(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
}

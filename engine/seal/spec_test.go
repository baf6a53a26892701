package seal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// TestSpecs holds the table to the Developer Guide's "Key spec reference".
func TestSpecs(t *testing.T) {
	t.Parallel()
	const rsaSigning = "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 " +
		"RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512"
	const rsaRow = "ENCRYPT_DECRYPT SIGN_VERIFY|RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256|" + rsaSigning + "||"
	want := map[seal.Spec]string{
		"SYMMETRIC_DEFAULT":     "ENCRYPT_DECRYPT|SYMMETRIC_DEFAULT|||",
		"RSA_2048":              rsaRow,
		"RSA_3072":              rsaRow,
		"RSA_4096":              rsaRow,
		"ECC_NIST_P256":         "SIGN_VERIFY KEY_AGREEMENT||ECDSA_SHA_256||ECDH",
		"ECC_NIST_P384":         "SIGN_VERIFY KEY_AGREEMENT||ECDSA_SHA_384||ECDH",
		"ECC_NIST_P521":         "SIGN_VERIFY KEY_AGREEMENT||ECDSA_SHA_512||ECDH",
		"ECC_SECG_P256K1":       "SIGN_VERIFY||ECDSA_SHA_256||",
		"ECC_NIST_EDWARDS25519": "SIGN_VERIFY||ED25519_SHA_512 ED25519_PH_SHA_512||",
		"ML_DSA_44":             "SIGN_VERIFY||ML_DSA_SHAKE_256||",
		"ML_DSA_65":             "SIGN_VERIFY||ML_DSA_SHAKE_256||",
		"ML_DSA_87":             "SIGN_VERIFY||ML_DSA_SHAKE_256||",
		"HMAC_224":              "GENERATE_VERIFY_MAC|||HMAC_SHA_224|",
		"HMAC_256":              "GENERATE_VERIFY_MAC|||HMAC_SHA_256|",
		"HMAC_384":              "GENERATE_VERIFY_MAC|||HMAC_SHA_384|",
		"HMAC_512":              "GENERATE_VERIFY_MAC|||HMAC_SHA_512|",
		"SM2":                   "||||",
	}
	for spec, want := range want {
		var row []string
		for _, list := range []string{
			fmt.Sprint(spec.Usages()), fmt.Sprint(spec.EncryptionAlgorithms()), fmt.Sprint(spec.SigningAlgorithms()),
			fmt.Sprint(spec.MacAlgorithms()), fmt.Sprint(spec.KeyAgreementAlgorithms()),
		} {
			row = append(row, strings.Trim(list, "[]"))
		}
		if got := strings.Join(row, "|"); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
		if got, want := spec.Known(), want != "||||"; got != want {
			t.Errorf("%s.Known() = %t, want %t", spec, got, want)
		}
	}
}

func TestListsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	seal.HMAC224.Usages()[0] = "spoiled"
	if got := seal.HMAC224.Usages()[0]; got != seal.GenerateVerifyMac {
		t.Errorf("Usages()[0] = %s after a caller wrote to its own list", got)
	}
}

// TestDataKeyPairs holds the specs to the KMS API Reference, GenerateDataKeyPair,
// KeyPairSpec.
func TestDataKeyPairs(t *testing.T) {
	t.Parallel()
	var got []seal.Spec
	for _, spec := range append(specs, "SM2") {
		if spec.DataKeyPair() {
			got = append(got, spec)
		}
	}
	want := "[RSA_2048 RSA_3072 RSA_4096 ECC_NIST_P256 ECC_NIST_P384 ECC_NIST_P521 ECC_SECG_P256K1 ECC_NIST_EDWARDS25519]"
	if fmt.Sprint(got) != want {
		t.Errorf("specs of data key pairs = %s, want %s", got, want)
	}
}

// TestTakes holds the message types to the KMS API Reference, Sign, MessageType.
func TestTakes(t *testing.T) {
	t.Parallel()
	for _, alg := range append(allSigning, "SM2DSA", "") {
		want := "RAW DIGEST "
		switch alg {
		case seal.Ed25519SHA512:
			want = "RAW "
		case seal.Ed25519phSHA512:
			want = "DIGEST "
		case seal.MLDSAShake256:
			want = "RAW EXTERNAL_MU "
		case "SM2DSA", "":
			want = ""
		}
		var got string
		for _, kind := range []seal.MessageType{seal.Raw, seal.Digest, seal.ExternalMu, "", "raw"} {
			if alg.Takes(kind) {
				got += string(kind) + " "
			}
		}
		if got != want {
			t.Errorf("%s takes %q, want %q", alg, got, want)
		}
	}
}

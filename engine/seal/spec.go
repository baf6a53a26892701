package seal

import (
	"crypto/elliptic"
	"slices"

	"filippo.io/mldsa"
)

// Spec says what kind of key it is, in the words of KMS (KeySpec,
// DataKeyPairSpec).
type Spec string

// The key specs that the package has.
const (
	SymmetricDefault Spec = "SYMMETRIC_DEFAULT"
	RSA2048          Spec = "RSA_2048"
	RSA3072          Spec = "RSA_3072"
	RSA4096          Spec = "RSA_4096"
	P256             Spec = "ECC_NIST_P256"
	P384             Spec = "ECC_NIST_P384"
	P521             Spec = "ECC_NIST_P521"
	Secp256k1        Spec = "ECC_SECG_P256K1"
	Edwards25519     Spec = "ECC_NIST_EDWARDS25519"
	MLDSA44          Spec = "ML_DSA_44"
	MLDSA65          Spec = "ML_DSA_65"
	MLDSA87          Spec = "ML_DSA_87"
	HMAC224          Spec = "HMAC_224"
	HMAC256          Spec = "HMAC_256"
	HMAC384          Spec = "HMAC_384"
	HMAC512          Spec = "HMAC_512"
)

// Usage is what a key is for (KMS KeyUsageType). A key has one for life; the
// service keeps it, as material of one spec can serve several.
type Usage string

// The usages.
const (
	EncryptDecrypt    Usage = "ENCRYPT_DECRYPT"
	SignVerify        Usage = "SIGN_VERIFY"
	GenerateVerifyMac Usage = "GENERATE_VERIFY_MAC"
	KeyAgreement      Usage = "KEY_AGREEMENT"
)

// EncryptionAlgorithm names a way to encrypt (KMS EncryptionAlgorithmSpec).
type EncryptionAlgorithm string

// The encryption algorithms. SymmetricAlgorithm is that of Seal and Open.
const (
	SymmetricAlgorithm EncryptionAlgorithm = "SYMMETRIC_DEFAULT"
	OAEPSHA1           EncryptionAlgorithm = "RSAES_OAEP_SHA_1"
	OAEPSHA256         EncryptionAlgorithm = "RSAES_OAEP_SHA_256"
)

// SigningAlgorithm names a way to sign (KMS SigningAlgorithmSpec).
type SigningAlgorithm string

// The signing algorithms.
const (
	PKCS1SHA256     SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_256"
	PKCS1SHA384     SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_384"
	PKCS1SHA512     SigningAlgorithm = "RSASSA_PKCS1_V1_5_SHA_512"
	PSSSHA256       SigningAlgorithm = "RSASSA_PSS_SHA_256"
	PSSSHA384       SigningAlgorithm = "RSASSA_PSS_SHA_384"
	PSSSHA512       SigningAlgorithm = "RSASSA_PSS_SHA_512"
	ECDSASHA256     SigningAlgorithm = "ECDSA_SHA_256"
	ECDSASHA384     SigningAlgorithm = "ECDSA_SHA_384"
	ECDSASHA512     SigningAlgorithm = "ECDSA_SHA_512"
	Ed25519SHA512   SigningAlgorithm = "ED25519_SHA_512"
	Ed25519phSHA512 SigningAlgorithm = "ED25519_PH_SHA_512"
	MLDSAShake256   SigningAlgorithm = "ML_DSA_SHAKE_256"
)

// MacAlgorithm names a way to authenticate (KMS MacAlgorithmSpec).
type MacAlgorithm string

// The MAC algorithms.
const (
	HMACSHA224 MacAlgorithm = "HMAC_SHA_224"
	HMACSHA256 MacAlgorithm = "HMAC_SHA_256"
	HMACSHA384 MacAlgorithm = "HMAC_SHA_384"
	HMACSHA512 MacAlgorithm = "HMAC_SHA_512"
)

// KeyAgreementAlgorithm names a way to agree on a secret (KMS
// KeyAgreementAlgorithmSpec).
type KeyAgreementAlgorithm string

// ECDH is the elliptic-curve cofactor Diffie-Hellman primitive of NIST SP
// 800-56A Rev. 3 §5.7.1.2.
const ECDH KeyAgreementAlgorithm = "ECDH"

// family is what the package knows of one spec.
type family struct {
	usages     []Usage
	encryption []EncryptionAlgorithm
	signing    []SigningAlgorithm
	mac        []MacAlgorithm
	agreement  []KeyAgreementAlgorithm
	// dataPair is whether GenerateDataKeyPair makes pairs of the spec.
	dataPair bool
	generate func() (key, error)
	parse    func([]byte) (key, error)
}

// families holds every spec. A new spec is a line here and a file that makes
// its keys. Order within a list is that of AWS's answers.
var families = map[Spec]family{
	SymmetricDefault: symmetricFamily(),
	RSA2048:          rsaFamily(2048),
	RSA3072:          rsaFamily(3072),
	RSA4096:          rsaFamily(4096),
	P256:             nistFamily(elliptic.P256(), ECDSASHA256),
	P384:             nistFamily(elliptic.P384(), ECDSASHA384),
	P521:             nistFamily(elliptic.P521(), ECDSASHA512),
	Secp256k1:        secp256k1Family(),
	Edwards25519:     ed25519Family(),
	MLDSA44:          mldsaFamily(mldsa.MLDSA44()),
	MLDSA65:          mldsaFamily(mldsa.MLDSA65()),
	MLDSA87:          mldsaFamily(mldsa.MLDSA87()),
	HMAC224:          hmacFamily(HMACSHA224),
	HMAC256:          hmacFamily(HMACSHA256),
	HMAC384:          hmacFamily(HMACSHA384),
	HMAC512:          hmacFamily(HMACSHA512),
}

// Known reports whether the package has the spec.
func (s Spec) Known() bool {
	_, ok := families[s]
	return ok
}

// Asymmetric reports whether keys of the spec have a public half.
func (s Spec) Asymmetric() bool {
	f := families[s]
	return len(f.signing) > 0 || len(f.agreement) > 0
}

// DataKeyPair reports whether GenerateDataKeyPair makes pairs of the spec (KMS
// DataKeyPairSpec). ML-DSA pairs do not leave KMS.
func (s Spec) DataKeyPair() bool { return families[s].dataPair }

// Usages lists what a key of the spec may be for: the first is what it can do
// where no other was asked for. It is empty for an unknown spec, as are the
// lists below. Each list is the caller's own.
func (s Spec) Usages() []Usage { return slices.Clone(families[s].usages) }

// EncryptionAlgorithms lists those of a key of the spec for ENCRYPT_DECRYPT.
func (s Spec) EncryptionAlgorithms() []EncryptionAlgorithm {
	return slices.Clone(families[s].encryption)
}

// SigningAlgorithms lists those of a key of the spec for SIGN_VERIFY.
func (s Spec) SigningAlgorithms() []SigningAlgorithm { return slices.Clone(families[s].signing) }

// MacAlgorithms lists those of a key of the spec for GENERATE_VERIFY_MAC.
func (s Spec) MacAlgorithms() []MacAlgorithm { return slices.Clone(families[s].mac) }

// KeyAgreementAlgorithms lists those of a key of the spec for KEY_AGREEMENT.
func (s Spec) KeyAgreementAlgorithms() []KeyAgreementAlgorithm {
	return slices.Clone(families[s].agreement)
}

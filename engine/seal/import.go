package seal

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
)

// WrappingAlgorithm names a way to encrypt material on its way into KMS (KMS
// AlgorithmSpec). RSAES_PKCS1_V1_5 is refused, as KMS has done since October 2023.
type WrappingAlgorithm string

// The wrapping algorithms. The first two encrypt material under the RSA key
// itself; the others encrypt an AES-256 key under it, and the material under the
// AES key by AES Key Wrap with Padding.
const (
	WrapOAEPSHA1     WrappingAlgorithm = "RSAES_OAEP_SHA_1"
	WrapOAEPSHA256   WrappingAlgorithm = "RSAES_OAEP_SHA_256"
	WrapRSAAESSHA1   WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_1"
	WrapRSAAESSHA256 WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_256"
)

// importKeySize is the length of the AES key of RSA_AES_KEY_WRAP, in bytes.
const importKeySize = 32

// steps are the RSA algorithm, and whether an AES key stands between it and the
// material. ok is whether the package has the algorithm.
func (a WrappingAlgorithm) steps() (alg EncryptionAlgorithm, twoSteps, ok bool) {
	switch a {
	case WrapOAEPSHA1, WrapOAEPSHA256:
		return EncryptionAlgorithm(a), false, true
	case WrapRSAAESSHA1:
		return OAEPSHA1, true, true
	case WrapRSAAESSHA256:
		return OAEPSHA256, true, true
	}
	return "", false, false
}

// Wraps reports whether material of a spec may be imported under a wrapping key of
// another by the algorithm (KMS API Reference, GetParametersForImport,
// WrappingAlgorithm): RSA keys need RSA_AES_KEY_WRAP, symmetric and HMAC keys must
// not have it, and ECC_NIST_P521 does not fit RSAES_OAEP under RSA_2048.
func (a WrappingAlgorithm) Wraps(material, wrapping Spec) bool {
	_, twoSteps, ok := a.steps()
	if !ok || !material.Importable() || !wrapping.isRSA() {
		return false
	}
	if twoSteps {
		return material.Asymmetric()
	}
	return !material.isRSA() && (material != P521 || wrapping != RSA2048)
}

func (s Spec) isRSA() bool { return strings.HasPrefix(string(s), "RSA_") && s.Known() }

// Importable reports whether keys of the spec may have imported material. Those of
// ML-DSA may not (KMS Developer Guide, "Requirements for imported key material").
func (s Spec) Importable() bool { return s.Known() && !strings.HasPrefix(string(s), "ML_DSA_") }

// Unwrap opens imported material that was encrypted under m, an RSA wrapping key,
// as Wrap does. Whatever is wrong with it is ErrInvalidCiphertext (KMS:
// InvalidCiphertextException); ErrIncompatible is an algorithm that the package
// does not have. Whoever asks for it clears it.
func (m *Material) Unwrap(alg WrappingAlgorithm, encrypted []byte) ([]byte, error) {
	direct, twoSteps, ok := alg.steps()
	if !ok {
		return nil, refuse(m.spec, string(alg))
	}
	if !twoSteps {
		return m.Decrypt(direct, encrypted)
	}
	size, err := with(m, func(k *rsaKey) (int, error) { return k.private.Size(), nil })
	if err != nil {
		return nil, err
	}
	if len(encrypted) < size {
		return nil, ErrInvalidCiphertext
	}
	kek, err := m.Decrypt(direct, encrypted[:size])
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	if len(kek) != importKeySize {
		return nil, ErrInvalidCiphertext
	}
	return UnwrapKWP(kek, encrypted[size:])
}

// Wrap encrypts material for Unwrap, as whoever imports it does: under public, the
// DER SubjectPublicKeyInfo of the wrapping key, otherwise ErrInvalidPublicKey. The
// encrypted AES key comes first, then the wrapped material. ErrInvalidLength is
// material that does not fit.
func Wrap(alg WrappingAlgorithm, public, material []byte) ([]byte, error) {
	direct, twoSteps, ok := alg.steps()
	if !ok {
		return nil, fmt.Errorf("algorithm %s: %w", alg, ErrIncompatible)
	}
	parsed, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, ErrInvalidPublicKey
	}
	wrapping, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, ErrInvalidPublicKey
	}
	if !twoSteps {
		return encryptOAEP(direct, wrapping, material)
	}
	kek := make([]byte, importKeySize)
	defer clear(kek)
	if _, err := rand.Read(kek); err != nil {
		return nil, fmt.Errorf("wrapping key: %w", err)
	}
	head, err := encryptOAEP(direct, wrapping, kek)
	if err != nil {
		return nil, err
	}
	tail, err := WrapKWP(kek, material)
	return append(head, tail...), err
}

// vetter is a key that takes more checking where others made it.
type vetter interface {
	// vet is ErrInvalidMaterial for a key that is none.
	vet() error
}

// ParseImported parses unwrapped material: 32 bytes for SYMMETRIC_DEFAULT; for an
// HMAC spec at least the bytes of its hash's output and at most 128; PKCS#8 DER
// (RFC 5208) of the others, whose public half is derived. ErrInvalidMaterial is
// what is not of the spec (KMS: IncorrectKeyMaterialException), ErrIncompatible a
// spec that is not Importable. It keeps no reference to b.
//
// Unlike Load, which reads what this package wrote, it takes nothing on trust.
func ParseImported(spec Spec, b []byte) (*Material, error) {
	if spec.Known() && !spec.Importable() {
		return nil, fmt.Errorf("import material of key spec %s: %w", spec, ErrIncompatible)
	}
	m, err := Load(spec, b)
	if err != nil {
		return nil, err
	}
	if k, ok := m.key.(vetter); ok {
		if err := k.vet(); err != nil {
			m.Erase()
			return nil, fmt.Errorf("import material of key spec %s: %w", spec, err)
		}
	}
	return m, nil
}

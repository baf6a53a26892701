// Package seal is the cryptographic core of KMS: the material of a key, of
// every key spec, and what can be done with it. Symmetric keys seal plaintexts
// into blobs that name their key, RSA keys encrypt and sign, elliptic-curve keys
// sign and agree on secrets, ML-DSA keys sign, HMAC keys authenticate. Material
// that others made is unwrapped and checked.
//
// It refuses what the spec of a key does not allow, lengths outside the API's
// limits, and to say why a ciphertext did not open. No caller supplies a nonce
// or a salt, and no secret is printed. It knows nothing of policies, key states
// or storage.
//
// Flow: Generate, Load, or Unwrap and ParseImported → Material → Seal, Open,
// Encrypt, Decrypt, Sign, Verify, GenerateMac, VerifyMac, DeriveSharedSecret.
package seal

import (
	"errors"
	"fmt"
)

// What an operation can refuse with. Errors of this package wrap one of these
// and never contain key material, plaintext or a signature.
var (
	// ErrInvalidCiphertext means that a ciphertext did not open. Damage, another
	// key, another encryption context and a foreign format look the same on
	// purpose: a difference would be an oracle. KMS: InvalidCiphertextException.
	ErrInvalidCiphertext = errors.New("the ciphertext is not valid")

	// ErrInvalidSignature means that a signature does not match. KMS:
	// KMSInvalidSignatureException.
	ErrInvalidSignature = errors.New("the signature is not valid")

	// ErrInvalidMac means that a MAC does not match. KMS: KMSInvalidMacException.
	ErrInvalidMac = errors.New("the MAC is not valid")

	// ErrIncompatible means that the key's spec has no such operation or
	// algorithm. KMS: InvalidKeyUsageException.
	ErrIncompatible = errors.New("the algorithm is incompatible with the key spec")

	// ErrInvalidLength means that a message, digest or plaintext has a length
	// that the algorithm does not take. KMS: ValidationException.
	ErrInvalidLength = errors.New("the length is not valid for the algorithm")

	// ErrUnknownSpec means that a key spec or data key spec is not one of those
	// that the package has.
	ErrUnknownSpec = errors.New("the key spec is not known")

	// ErrInvalidMaterial means that bytes are not key material of the spec.
	// KMS: IncorrectKeyMaterialException where they were imported.
	ErrInvalidMaterial = errors.New("the key material is not valid for the key spec")

	// ErrInvalidPublicKey means that a peer's public key is malformed or lies on
	// another curve. KMS: ValidationException.
	ErrInvalidPublicKey = errors.New("the public key is not valid for the key spec")

	// ErrInvalidHeader means that an account or key id is not of a form that a
	// blob can carry. It is the caller's mistake, not the user's.
	ErrInvalidHeader = errors.New("the account or key id cannot name a key")

	// ErrErased means that the material was erased.
	ErrErased = errors.New("the key material was erased")
)

// refuse reports an algorithm that spec does not have.
func refuse(spec Spec, algorithm string) error {
	return fmt.Errorf("algorithm %s, key spec %s: %w", algorithm, spec, ErrIncompatible)
}

package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// Labels keep the keys that are derived from one material apart (NIST SP
// 800-108 Rev. 1 §4, Label).
const (
	labelBlob = "garrison kms blob 1"
	labelID   = "garrison kms material id 1"
)

// symmetricKey is 256 bits from which a key per message is derived.
type symmetricKey struct{ secret [32]byte }

func symmetricFamily() family {
	return family{
		usages:     []Usage{EncryptDecrypt},
		encryption: []EncryptionAlgorithm{SymmetricAlgorithm},
		generate: func() (key, error) {
			k := &symmetricKey{}
			_, err := rand.Read(k.secret[:])
			return k, err
		},
		parse: func(b []byte) (key, error) {
			k := &symmetricKey{}
			if len(b) != len(k.secret) {
				return nil, ErrInvalidMaterial
			}
			copy(k.secret[:], b)
			return k, nil
		},
	}
}

// ID derives the name of the material as material of the key keyID. The same
// material imported again has the same id, so that a reimport can be checked; it
// reveals neither the material nor that another key holds it too.
func (m *Material) ID(keyID string) (MaterialID, error) {
	return with(m, func(k *symmetricKey) (MaterialID, error) {
		return MaterialID(k.derive(labelID, []byte(keyID))), nil
	})
}

// Seal encrypts under AES-256-GCM into a blob that names its key by h; header
// and context are authenticated. It takes up to MaxPlaintext bytes, otherwise
// ErrInvalidLength, and adds 99.
//
// Each message has a key of its own, derived by salt, and a random nonce: 224
// random bits, so that the 2^32 messages that one AES-GCM key may see under
// random nonces (NIST SP 800-38D §8.3) are no limit of the material. AWS KMS
// does the same.
func (m *Material) Seal(h Header, plaintext []byte, context map[string]string) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("plaintext: %w", ErrInvalidLength)
	}
	var head [headerSize]byte
	if err := h.put(&head); err != nil {
		return nil, err
	}
	if _, err := rand.Read(head[saltAt:]); err != nil {
		return nil, fmt.Errorf("salt: %w", err)
	}
	return with(m, func(k *symmetricKey) ([]byte, error) {
		aead, err := k.aead(head[saltAt:])
		if err != nil {
			return nil, err
		}
		blob := append(make([]byte, 0, overhead+len(plaintext)), head[:]...)
		return aead.Seal(blob, nil, plaintext, associated(head[:], context)), nil //nolint:gosec // the AEAD makes its nonce itself
	})
}

// Open decrypts a blob of Seal. Whatever is wrong with it is
// ErrInvalidCiphertext. The caller finds the material by the header; Open trusts
// no more of it than what the tag then proves.
func (m *Material) Open(blob []byte, context map[string]string) ([]byte, error) {
	if !wellFormed(blob) {
		return nil, ErrInvalidCiphertext
	}
	return with(m, func(k *symmetricKey) ([]byte, error) {
		head := blob[:headerSize]
		aead, err := k.aead(head[saltAt:])
		if err != nil {
			return nil, err
		}
		plaintext, err := aead.Open(nil, nil, blob[headerSize:], associated(head, context))
		if err != nil {
			return nil, ErrInvalidCiphertext
		}
		return plaintext, nil
	})
}

// associated is the additional authenticated data: the header, whose length is
// fixed, and then the context.
func associated(head []byte, context map[string]string) []byte {
	b := append(make([]byte, 0, len(head)+contextSize(context)), head...)
	return AppendContext(b, context)
}

func (k *symmetricKey) aead(salt []byte) (cipher.AEAD, error) {
	derived := k.derive(labelBlob, salt)
	defer clear(derived[:])
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, fmt.Errorf("message key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("message key: %w", err)
	}
	return aead, nil
}

// derive gives 256 bits for one purpose and context. The fixed input of the key
// derivation function is label, 0, context and L (NIST SP 800-108 Rev. 1 §4).
func (k *symmetricKey) derive(label string, context []byte) [32]byte {
	fixed := make([]byte, 0, 96)
	fixed = append(fixed, label...)
	fixed = append(fixed, 0)
	fixed = append(fixed, context...)
	fixed = append(fixed, 0, 0, 1, 0)
	return counterKDF(k.secret[:], fixed)
}

// counterKDF is the key derivation function in counter mode of NIST SP 800-108
// Rev. 1 §4.1 with HMAC-SHA-256 and a 32-bit counter before the fixed input, for
// outputs of up to 256 bits: a single block, whose counter is 1.
func counterKDF(secret, fixed []byte) [32]byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte{0, 0, 0, 1})
	mac.Write(fixed)
	var out [32]byte
	mac.Sum(out[:0])
	return out
}

func (k *symmetricKey) bytes() ([]byte, error) { return append([]byte(nil), k.secret[:]...), nil }

func (k *symmetricKey) erase() { clear(k.secret[:]) }

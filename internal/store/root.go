package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
)

// A Root wraps data keys. It may be a file, a device or another key service.
// Implementations are safe for concurrent use.
type Root interface {
	// Wrap seals a data key under the root's primary version. The result opens
	// only with the same aad.
	Wrap(ctx context.Context, aad, key []byte) ([]byte, error)
	// Unwrap opens what any kept version of the root has wrapped.
	Unwrap(ctx context.Context, aad, blob []byte) ([]byte, error)
	// ID names the root for an operator, without secrets: "the root key file /etc/…".
	ID() string
}

// A RootRotator is a Root whose owner can add a version and make it primary.
type RootRotator interface {
	Root
	// Rotate adds a version, makes it primary and keeps the older ones.
	Rotate(ctx context.Context) error
}

// MemoryRoot returns a root that ends with the process, for stores that do too.
func MemoryRoot() Root {
	key := make([]byte, keySize)
	rand.Read(key)
	return memoryRoot(key)
}

type memoryRoot []byte

func (memoryRoot) ID() string { return "the root key in memory" }

func (r memoryRoot) Wrap(_ context.Context, aad, key []byte) ([]byte, error) {
	return wrapKey(r, aad, key)
}

func (r memoryRoot) Unwrap(_ context.Context, aad, blob []byte) ([]byte, error) {
	return unwrapKey(r, aad, blob)
}

// wrapKey seals with AES-256-GCM under a random nonce. A root wraps some
// hundreds of keys in its life, far below the 2^32 that random nonces allow
// (NIST SP 800-38D, 8.3).
func wrapKey(root, aad, key []byte) ([]byte, error) {
	gcm, err := rootAEAD(root)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nil, key, aad), nil //nolint:gosec // NewGCMWithRandomNonce makes the nonce itself and takes none
}

func unwrapKey(root, aad, blob []byte) ([]byte, error) {
	gcm, err := rootAEAD(root)
	if err != nil {
		return nil, err
	}
	key, err := gcm.Open(nil, nil, blob, aad)
	if err != nil {
		return nil, fmt.Errorf("unwrap a data key: %w", ErrWrongRoot)
	}
	return key, nil
}

func rootAEAD(root []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(root)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

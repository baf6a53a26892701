package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// SealSmall seals a body that is read only as a whole, with less to do than a stream
// needs. A key seals one body in its life, so the nonce may be fixed.
func SealSmall(k *Key, plain []byte) ([]byte, error) {
	aead, err := gcm(k)
	if err != nil {
		return nil, err
	}
	return aead.Seal(make([]byte, 0, len(plain)+aead.Overhead()), make([]byte, aead.NonceSize()), plain, nil), nil
}

// OpenSmall undoes SealSmall. It fails with ErrDamaged.
func OpenSmall(k *Key, body []byte) ([]byte, error) {
	aead, err := gcm(k)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(make([]byte, 0, len(body)), make([]byte, aead.NonceSize()), body, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err) //nolint:errorlint // its error means nothing to a caller
	}
	return plain, nil
}

func gcm(k *Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

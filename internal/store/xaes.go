package store

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// An xaes is XAES-256-GCM (C2SP, XAES-256-GCM): each 24-byte nonce yields an
// AES-256-GCM key of its own by NIST SP 800-108r1's counter mode over CMAC, and
// the 12 bytes that are left are that key's nonce. So a key seals 2^80 records
// under random nonces, where plain GCM stops at 2^32, and one derivation costs
// two AES blocks, where HKDF costs six of SHA-256.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // CMAC's first subkey
}

const (
	keySize   = 32
	nonceSize = 24
	tagSize   = 16
)

func newXAES(key []byte) (*xaes, error) {
	if len(key) != keySize {
		return nil, errors.New("a data key has 32 bytes")
	}
	x := new(xaes)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x.block = block
	block.Encrypt(x.k1[:], x.k1[:])
	x.double()
	return x, nil
}

// double is CMAC's multiplication by x in GF(2^128), without a branch on secret bits.
func (x *xaes) double() {
	var msb byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		msb, x.k1[i] = x.k1[i]>>7, x.k1[i]<<1|msb
	}
	x.k1[len(x.k1)-1] ^= -msb & 0b1000_0111
}

// derive returns the record's own AEAD, for the first half of the nonce.
func (x *xaes) derive(nonce []byte) (cipher.AEAD, error) {
	key := make([]byte, 0, keySize)
	key = append(key, 0, 1, 'X', 0)
	key = append(key, nonce[:12]...)
	key = append(key, 0, 2, 'X', 0)
	key = append(key, nonce[:12]...)
	for i := range x.k1 {
		key[i] ^= x.k1[i]
		key[16+i] ^= x.k1[i]
	}
	x.block.Encrypt(key[:16], key[:16])
	x.block.Encrypt(key[16:], key[16:])
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

package seal

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
)

// macHashes are the hashes of the MAC algorithms.
var macHashes = map[MacAlgorithm]crypto.Hash{
	HMACSHA224: crypto.SHA224,
	HMACSHA256: crypto.SHA256,
	HMACSHA384: crypto.SHA384,
	HMACSHA512: crypto.SHA512,
}

// maxHMACKey is the longest key of any HMAC spec, 1,024 bits (KMS Developer Guide,
// "Requirements for imported key material").
const maxHMACKey = 128

// hmacKey is as long as its hash's output where KMS made it, as in AWS; imported
// keys may be longer.
type hmacKey struct {
	hash   crypto.Hash
	alg    MacAlgorithm
	secret []byte
}

func hmacFamily(alg MacAlgorithm) family {
	hash := macHashes[alg]
	return family{
		usages: []Usage{GenerateVerifyMac},
		mac:    []MacAlgorithm{alg},
		generate: func() (key, error) {
			k := &hmacKey{hash, alg, make([]byte, hash.Size())}
			_, err := rand.Read(k.secret)
			return k, err
		},
		parse: func(b []byte) (key, error) {
			if len(b) < hash.Size() || len(b) > maxHMACKey {
				return nil, ErrInvalidMaterial
			}
			return &hmacKey{hash, alg, append([]byte(nil), b...)}, nil
		},
	}
}

// GenerateMac returns the HMAC (RFC 2104) of message at its full length.
func (m *Material) GenerateMac(alg MacAlgorithm, message []byte) ([]byte, error) {
	return with(m, func(k *hmacKey) ([]byte, error) {
		if alg != k.alg {
			return nil, refuse(m.spec, string(alg))
		}
		return k.sum(message), nil
	})
}

// VerifyMac compares mac in constant time with that of message, and answers
// ErrInvalidMac where they differ. A shortened MAC differs.
func (m *Material) VerifyMac(alg MacAlgorithm, message, mac []byte) error {
	want, err := m.GenerateMac(alg, message)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, mac) {
		return ErrInvalidMac
	}
	return nil
}

func (k *hmacKey) sum(message []byte) []byte {
	h := hmac.New(k.hash.New, k.secret)
	h.Write(message)
	return h.Sum(nil)
}

func (k *hmacKey) bytes() ([]byte, error) { return append([]byte(nil), k.secret...), nil }

func (k *hmacKey) erase() { clear(k.secret) }

package seal

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSAES_OAEP_SHA_1 is an algorithm of KMS; OAEP does not need collision resistance
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
)

// primalityRounds are those of Miller-Rabin beside the Baillie-PSW test: 8 suffice
// for factors of 1,024 bits and more at an error of 2^-100 (FIPS 186-5, Table B.1).
const primalityRounds = 8

// rsaKey is a key pair with its precomputed values.
type rsaKey struct {
	private *rsa.PrivateKey
	spki    []byte
}

func rsaFamily(bits int) family {
	return family{
		usages:     []Usage{EncryptDecrypt, SignVerify},
		encryption: []EncryptionAlgorithm{OAEPSHA1, OAEPSHA256},
		signing:    []SigningAlgorithm{PKCS1SHA256, PKCS1SHA384, PKCS1SHA512, PSSSHA256, PSSSHA384, PSSSHA512},
		dataPair:   true,
		generate: func() (key, error) {
			private, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				return nil, err
			}
			return newRSAKey(private)
		},
		parse: func(b []byte) (key, error) {
			private, err := parsePKCS8[*rsa.PrivateKey](b)
			if err != nil {
				return nil, err
			}
			// The standard library's arithmetic is constant-time for two primes only.
			if private.N.BitLen() != bits || len(private.Primes) != 2 {
				return nil, ErrInvalidMaterial
			}
			return newRSAKey(private)
		},
	}
}

func newRSAKey(private *rsa.PrivateKey) (key, error) {
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &rsaKey{private, spki}, nil
}

// Encrypt encrypts under an RSA key with RSAES-OAEP (RFC 8017 §7.1), MGF1 over
// the same hash and an empty label. ErrInvalidLength is a plaintext longer than
// the modulus less two hashes and two bytes. Symmetric keys have Seal.
func (m *Material) Encrypt(alg EncryptionAlgorithm, plaintext []byte) ([]byte, error) {
	return with(m, func(k *rsaKey) ([]byte, error) {
		if _, ok := oaepHash(alg); !ok {
			return nil, refuse(m.spec, string(alg))
		}
		return encryptOAEP(alg, &k.private.PublicKey, plaintext)
	})
}

// encryptOAEP is only asked for algorithms that have an oaepHash.
func encryptOAEP(alg EncryptionAlgorithm, public *rsa.PublicKey, plaintext []byte) ([]byte, error) {
	h, _ := oaepHash(alg)
	ciphertext, err := rsa.EncryptOAEP(h, rand.Reader, public, plaintext, nil)
	if errors.Is(err, rsa.ErrMessageTooLong) {
		return nil, fmt.Errorf("plaintext for %s: %w", alg, ErrInvalidLength)
	}
	return ciphertext, err
}

// Decrypt opens what Encrypt gave. Whatever is wrong with the ciphertext is
// ErrInvalidCiphertext.
func (m *Material) Decrypt(alg EncryptionAlgorithm, ciphertext []byte) ([]byte, error) {
	return with(m, func(k *rsaKey) ([]byte, error) {
		h, ok := oaepHash(alg)
		if !ok {
			return nil, refuse(m.spec, string(alg))
		}
		// RFC 8017 §7.1.2 step 1b, which the standard library leaves out: without
		// it, one ciphertext in 256 opens with its leading zero cut off.
		if len(ciphertext) != k.private.Size() {
			return nil, ErrInvalidCiphertext
		}
		plaintext, err := rsa.DecryptOAEP(h, nil, k.private, ciphertext, nil)
		if err != nil {
			return nil, ErrInvalidCiphertext
		}
		return plaintext, nil
	})
}

func oaepHash(alg EncryptionAlgorithm) (hash.Hash, bool) {
	switch alg {
	case OAEPSHA1:
		return sha1.New(), true //nolint:gosec // see the import
	case OAEPSHA256:
		return sha256.New(), true
	case SymmetricAlgorithm:
	}
	return nil, false
}

// pssOptions fix the salt's length, which KMS documents as the hash's.
func pssOptions(h crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
}

func (s statement) pss() bool { return strings.HasPrefix(string(s.alg), "RSASSA_PSS_") }

func (k *rsaKey) sign(s statement) ([]byte, error) {
	h, digest, err := s.digest()
	if err != nil {
		return nil, err
	}
	if s.pss() {
		return rsa.SignPSS(rand.Reader, k.private, h, digest, pssOptions(h))
	}
	return rsa.SignPKCS1v15(nil, k.private, h, digest)
}

func (k *rsaKey) verify(s statement, signature []byte) error {
	h, digest, err := s.digest()
	if err != nil {
		return err
	}
	if s.pss() {
		err = rsa.VerifyPSS(&k.private.PublicKey, h, digest, signature, pssOptions(h))
	} else {
		err = rsa.VerifyPKCS1v15(&k.private.PublicKey, h, digest, signature)
	}
	if err != nil {
		return ErrInvalidSignature
	}
	return nil
}

func (k *rsaKey) public() []byte { return k.spki }

// vet finds factors that are not prime: the standard library's check is of the
// numbers' arithmetic, which such a key can pass.
func (k *rsaKey) vet() error {
	for _, p := range k.private.Primes {
		if !p.ProbablyPrime(primalityRounds) {
			return ErrInvalidMaterial
		}
	}
	return nil
}

func (k *rsaKey) bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.private) }

func (k *rsaKey) erase() {
	wipe(k.private.D)
	for _, p := range k.private.Primes {
		wipe(p)
	}
	wipe(k.private.Precomputed.Dp)
	wipe(k.private.Precomputed.Dq)
	wipe(k.private.Precomputed.Qinv)
}

// wipe overwrites a secret number in place.
func wipe(n *big.Int) {
	if n != nil {
		clear(n.Bits())
	}
}

package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
)

// A primitive is what of an operation no server can leave out: nil bytes where an
// operation only says yes.
type primitive func(in *bareInput) ([]byte, error)

var errMismatch = errors.New("does not match")

// primitives make each primitive with a key of its own. What they open and verify
// they have sealed and signed themselves, over what the operation sends too.
func primitives() map[string]func() (primitive, error) {
	out := map[string]func() (primitive, error){
		"answer":     func() (primitive, error) { return func(*bareInput) ([]byte, error) { return nil, nil }, nil },
		"random":     func() (primitive, error) { return random, nil },
		"aes-seal":   sealing(func(s *sealer, in *bareInput) ([]byte, error) { return s.seal(in.Plaintext), nil }),
		"aes-open":   sealing(func(s *sealer, _ *bareInput) ([]byte, error) { return s.open() }),
		"aes-reseal": sealing((*sealer).reseal),
		"data-key":   sealing((*sealer).dataKey),
		"pair-p256":  sealing((*sealer).pair),
		"mac":        func() (primitive, error) { return mac(), nil },
		"verify-mac": func() (primitive, error) { return verifyMAC(), nil },
		"ecdh-p256":  agreement,
	}
	maps.Copy(out, signers())
	return out
}

func random(in *bareInput) ([]byte, error) {
	if in.NumberOfBytes < 1 || in.NumberOfBytes > randomSize {
		return nil, fmt.Errorf("%d random bytes", in.NumberOfBytes)
	}
	b := make([]byte, in.NumberOfBytes)
	rand.Read(b)
	return b, nil
}

// A sealer has an expanded key of AES-256-GCM and a ciphertext to open.
type sealer struct {
	aead   cipher.AEAD
	sealed []byte
}

func sealing(do func(*sealer, *bareInput) ([]byte, error)) func() (primitive, error) {
	return func() (primitive, error) {
		key := make([]byte, 32)
		rand.Read(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s := &sealer{aead: aead}
		s.sealed = s.seal(make([]byte, plaintextSize))
		return func(in *bareInput) ([]byte, error) { return do(s, in) }, nil
	}
}

func (s *sealer) seal(plaintext []byte) []byte {
	return s.aead.Seal(nil, nil, plaintext, nil) //nolint:gosec // the AEAD makes its nonce itself
}

func (s *sealer) open() ([]byte, error) { return s.aead.Open(nil, nil, s.sealed, nil) }

func (s *sealer) reseal(*bareInput) ([]byte, error) {
	plaintext, err := s.open()
	if err != nil {
		return nil, err
	}
	return s.seal(plaintext), nil
}

func (s *sealer) dataKey(*bareInput) ([]byte, error) {
	key := make([]byte, dataKeySize)
	rand.Read(key)
	return append(s.seal(key), key...), nil
}

// pair makes a key pair, encodes both halves, and seals the private one.
func (s *sealer) pair(*bareInput) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	return bytes.Join([][]byte{s.seal(private), public}, nil), err
}

func mac() primitive {
	key := make([]byte, 32)
	rand.Read(key)
	return func(in *bareInput) ([]byte, error) {
		h := hmac.New(sha256.New, key)
		h.Write(in.Message)
		return h.Sum(nil), nil
	}
}

func verifyMAC() primitive {
	make256 := mac()
	want, _ := make256(&bareInput{Message: make([]byte, messageSize)}) // a MAC cannot fail
	return func(in *bareInput) ([]byte, error) {
		got, err := make256(in)
		if err == nil && !hmac.Equal(got, want) {
			err = errMismatch
		}
		return nil, err
	}
}

func agreement() (primitive, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return func(in *bareInput) ([]byte, error) {
		parsed, err := x509.ParsePKIXPublicKey(in.PublicKey)
		if err != nil {
			return nil, err
		}
		public, ok := parsed.(*ecdsa.PublicKey)
		if !ok {
			return nil, errMismatch
		}
		peer, err := public.ECDH()
		if err != nil {
			return nil, err
		}
		return private.ECDH(peer)
	}, nil
}

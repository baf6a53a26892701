package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"filippo.io/mldsa"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// A pair signs and verifies; it holds an expanded private key.
type pair struct {
	sign   func(message []byte) ([]byte, error)
	verify func(message, signature []byte) bool
}

// signers are the primitives of Sign and Verify, by the names of the schemes.
func signers() map[string]func() (primitive, error) {
	pairs := map[string]func() (pair, error){
		"rsa2048-pss": newPSS,
		"p256":        func() (pair, error) { return newECDSA(elliptic.P256()) },
		"p384":        func() (pair, error) { return newECDSA(elliptic.P384()) },
		"p521":        func() (pair, error) { return newECDSA(elliptic.P521()) },
		"secp256k1":   newSecp256k1,
		"ed25519":     newEd25519,
		"mldsa65":     newMLDSA,
	}
	out := map[string]func() (primitive, error){}
	for _, s := range schemes() {
		out["sign-"+s.name] = func() (primitive, error) {
			p, err := pairs[s.name]()
			return func(in *bareInput) ([]byte, error) { return p.sign(in.Message) }, err
		}
		out["verify-"+s.name] = func() (primitive, error) { return verifier(pairs[s.name], s.size) }
	}
	return out
}

// verifier verifies a signature that it made of such a message as is sent.
func verifier(newPair func() (pair, error), size int) (primitive, error) {
	p, err := newPair()
	if err != nil {
		return nil, err
	}
	signature, err := p.sign(make([]byte, size))
	return func(in *bareInput) ([]byte, error) {
		if !p.verify(in.Message, signature) {
			return nil, errMismatch
		}
		return nil, nil
	}, err
}

func newPSS() (pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return pair{}, err
	}
	opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return pair{
		func(m []byte) ([]byte, error) { return rsa.SignPSS(rand.Reader, key, crypto.SHA256, m, opts) },
		func(m, sig []byte) bool { return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, m, sig, opts) == nil },
	}, nil
}

func newECDSA(curve elliptic.Curve) (pair, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return pair{}, err
	}
	return pair{
		func(m []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, key, m) },
		func(m, sig []byte) bool { return ecdsa.VerifyASN1(&key.PublicKey, m, sig) },
	}, nil
}

func newSecp256k1() (pair, error) {
	key, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return pair{}, err
	}
	public := key.PubKey()
	return pair{
		func(m []byte) ([]byte, error) { return k1ecdsa.Sign(key, m).Serialize(), nil },
		func(m, sig []byte) bool {
			parsed, err := k1ecdsa.ParseDERSignature(sig)
			return err == nil && parsed.Verify(m, public)
		},
	}, nil
}

func newEd25519() (pair, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return pair{}, err
	}
	return pair{
		func(m []byte) ([]byte, error) { return ed25519.Sign(key, m), nil },
		func(m, sig []byte) bool { return ed25519.Verify(public, m, sig) },
	}, nil
}

func newMLDSA() (pair, error) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		return pair{}, err
	}
	public := key.PublicKey()
	return pair{
		func(m []byte) ([]byte, error) { return key.Sign(nil, m, nil) },
		func(m, sig []byte) bool { return mldsa.Verify(public, m, sig, nil) == nil },
	}, nil
}

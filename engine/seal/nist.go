package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
)

// nistKey is a key pair on a curve of NIST SP 800-186. It signs or agrees: the
// service holds a key to one of the two.
type nistKey struct {
	private   *ecdsa.PrivateKey
	agreement *ecdh.PrivateKey
	spki      []byte
}

func nistFamily(curve elliptic.Curve, alg SigningAlgorithm) family {
	return family{
		usages:    []Usage{SignVerify, KeyAgreement},
		signing:   []SigningAlgorithm{alg},
		agreement: []KeyAgreementAlgorithm{ECDH},
		dataPair:  true,
		generate: func() (key, error) {
			private, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				return nil, err
			}
			return newNISTKey(private)
		},
		parse: func(b []byte) (key, error) {
			private, err := parsePKCS8[*ecdsa.PrivateKey](b)
			if err != nil {
				return nil, err
			}
			if private.Curve != curve {
				return nil, ErrInvalidMaterial
			}
			return newNISTKey(private)
		},
	}
}

func newNISTKey(private *ecdsa.PrivateKey) (key, error) {
	agreement, err := private.ECDH()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &nistKey{private, agreement, spki}, nil
}

// DeriveSharedSecret returns the raw secret, the x coordinate at the curve's
// full length, that m and a peer agree on by elliptic-curve Diffie-Hellman. The
// peer's public key is a DER SubjectPublicKeyInfo on the same curve, otherwise
// ErrInvalidPublicKey. secp256k1 keys do not agree, as in KMS.
func (m *Material) DeriveSharedSecret(alg KeyAgreementAlgorithm, peer []byte) ([]byte, error) {
	return with(m, func(k *nistKey) ([]byte, error) {
		if alg != ECDH {
			return nil, refuse(m.spec, string(alg))
		}
		public, err := parsePeer(peer)
		if err != nil {
			return nil, ErrInvalidPublicKey
		}
		secret, err := k.agreement.ECDH(public)
		if err != nil {
			return nil, ErrInvalidPublicKey
		}
		return secret, nil
	})
}

// parsePeer takes the one encoding that a public key has: the standard library's
// parser lets elements pass that follow those of a SubjectPublicKeyInfo or of its
// algorithm.
func parsePeer(der []byte) (*ecdh.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrInvalidPublicKey
	}
	canonical, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, der) {
		return nil, ErrInvalidPublicKey
	}
	return public.ECDH()
}

func (k *nistKey) sign(s statement) ([]byte, error) {
	_, digest, err := s.digest()
	if err != nil {
		return nil, err
	}
	return ecdsa.SignASN1(rand.Reader, k.private, digest)
}

func (k *nistKey) verify(s statement, signature []byte) error {
	_, digest, err := s.digest()
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(&k.private.PublicKey, digest, signature) {
		return ErrInvalidSignature
	}
	return nil
}

func (k *nistKey) public() []byte { return k.spki }

func (k *nistKey) bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.private) }

func (k *nistKey) erase() {
	wipe(k.private.D) //nolint:staticcheck // no other way reaches the secret in place
	k.agreement = nil
}

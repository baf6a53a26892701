package seal

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
)

// ed25519Key is a key pair of RFC 8032 §5.1. It only signs, as in KMS.
type ed25519Key struct {
	private ed25519.PrivateKey
	spki    []byte
}

func ed25519Family() family {
	return family{
		usages:   []Usage{SignVerify},
		signing:  []SigningAlgorithm{Ed25519SHA512, Ed25519phSHA512},
		dataPair: true,
		generate: func() (key, error) {
			_, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			return newEd25519Key(private)
		},
		parse: func(b []byte) (key, error) {
			private, err := parsePKCS8[ed25519.PrivateKey](b)
			if err != nil {
				return nil, err
			}
			return newEd25519Key(private)
		},
	}
}

func newEd25519Key(private ed25519.PrivateKey) (key, error) {
	spki, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	return &ed25519Key{private, spki}, nil
}

// edwards is what PureEdDSA or HashEdDSA (FIPS 186-5 §7.6 and §7.8) signs. The
// message of Ed25519ph is always a digest, and yet KMS hashes it again, in step 1
// of FIPS 186-5 §7.8.1 (KMS API Reference, Sign, MessageType): the digest is what
// a verifier elsewhere has to take for the message.
func (s statement) edwards() ([]byte, *ed25519.Options, error) {
	if s.alg == Ed25519SHA512 {
		return s.body, &ed25519.Options{}, nil
	}
	if len(s.body) != sha512.Size {
		return nil, nil, fmt.Errorf("digest for %s: %w", s.alg, ErrInvalidLength)
	}
	prehash := sha512.Sum512(s.body)
	return prehash[:], &ed25519.Options{Hash: crypto.SHA512}, nil
}

func (k *ed25519Key) sign(s statement) ([]byte, error) {
	message, options, err := s.edwards()
	if err != nil {
		return nil, err
	}
	return k.private.Sign(nil, message, options)
}

func (k *ed25519Key) verify(s statement, signature []byte) error {
	message, options, err := s.edwards()
	if err != nil {
		return err
	}
	public := k.private[ed25519.PrivateKeySize-ed25519.PublicKeySize:]
	if ed25519.VerifyWithOptions(ed25519.PublicKey(public), message, signature, options) != nil {
		return ErrInvalidSignature
	}
	return nil
}

func (k *ed25519Key) public() []byte { return k.spki }

func (k *ed25519Key) bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.private) }

func (k *ed25519Key) erase() { clear(k.private) }

package seal

import (
	"fmt"
	"sync"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"
	mldsax509 "filippo.io/mldsa/x509"
)

// muSize is the length of the message representative of FIPS 204 §6.2, in bytes.
const muSize = 64

// mldsaKey is a key pair of FIPS 204. Its PKCS#8 form holds the 32 bytes of the
// seed (RFC 9881 §6, the choice "seed"), from which the pair follows.
type mldsaKey struct {
	private  *mldsa.PrivateKey
	verifies *mldsa.PublicKey
	spki     []byte
	// verifier is made at its first use: it is larger than the rest of the key.
	verifier func() *muVerifier
}

func mldsaFamily(params mldsa.Parameters) family {
	return family{
		usages:  []Usage{SignVerify},
		signing: []SigningAlgorithm{MLDSAShake256},
		generate: func() (key, error) {
			private, err := mldsa.GenerateKey(params)
			if err != nil {
				return nil, err
			}
			return newMLDSAKey(private)
		},
		parse: func(b []byte) (key, error) {
			private, err := parseMLDSA(b)
			if err != nil {
				return nil, err
			}
			if private.PublicKey().Parameters() != params {
				return nil, ErrInvalidMaterial
			}
			return newMLDSAKey(private)
		},
	}
}

func newMLDSAKey(private *mldsa.PrivateKey) (key, error) {
	public := private.PublicKey()
	spki, err := mldsax509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	verifier := sync.OnceValue(func() *muVerifier { return newMuVerifier(public) })
	return &mldsaKey{private, public, spki, verifier}, nil
}

func parseMLDSA(b []byte) (*mldsa.PrivateKey, error) {
	parsed, err := mldsax509.ParsePKCS8PrivateKey(b)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*mldsa.PrivateKey)
	if !ok {
		return nil, ErrInvalidMaterial
	}
	return private, nil
}

// sign hedges (FIPS 204 §3.4): two signatures of a message differ.
func (k *mldsaKey) sign(s statement) ([]byte, error) {
	if s.kind != ExternalMu {
		return k.private.Sign(nil, s.body, nil)
	}
	if err := s.checkMu(); err != nil {
		return nil, err
	}
	return k.private.Sign(nil, s.body, mldsacrypto.MLDSAMu)
}

func (k *mldsaKey) verify(s statement, signature []byte) error {
	if s.kind != ExternalMu {
		if mldsa.Verify(k.verifies, s.body, signature, nil) != nil {
			return ErrInvalidSignature
		}
		return nil
	}
	if err := s.checkMu(); err != nil {
		return err
	}
	if !k.verifier().verify(s.body, signature) {
		return ErrInvalidSignature
	}
	return nil
}

func (s statement) checkMu() error {
	if len(s.body) != muSize {
		return fmt.Errorf("message representative for %s: %w", s.alg, ErrInvalidLength)
	}
	return nil
}

func (k *mldsaKey) public() []byte { return k.spki }

func (k *mldsaKey) bytes() ([]byte, error) { return mldsax509.MarshalPKCS8PrivateKey(k.private) }

// erase lets go of the key: the library gives no way to its insides, so that the
// garbage collector has to overwrite it.
func (k *mldsaKey) erase() { k.private = nil }

package seal

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Object identifiers of RFC 5480 §2.1.1 and SEC 2 §A.2.
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// secp256k1Key is a key pair on the curve of SEC 2 §2.4.1, which the standard
// library does not have: its encodings are made here.
type secp256k1Key struct {
	private *secp256k1.PrivateKey
	point   *secp256k1.PublicKey
	spki    []byte
}

// pkcs8 is OneAsymmetricKey of RFC 5958 §2 without its optional fields.
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

// sec1 is ECPrivateKey of RFC 5915 §3.
type sec1 struct {
	Version    int
	PrivateKey []byte
	Parameters asn1.RawValue  `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString `asn1:"optional,explicit,tag:1"`
}

// spki is SubjectPublicKeyInfo of RFC 5280 §4.1.2.7.
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

func secp256k1Family() family {
	return family{
		usages:   []Usage{SignVerify},
		signing:  []SigningAlgorithm{ECDSASHA256},
		dataPair: true,
		generate: func() (key, error) {
			private, err := secp256k1.GeneratePrivateKey()
			if err != nil {
				return nil, err
			}
			return newSecp256k1Key(private)
		},
		parse: parseSecp256k1,
	}
}

func newSecp256k1Key(private *secp256k1.PrivateKey) (key, error) {
	algorithm, err := secp256k1Algorithm()
	if err != nil {
		return nil, err
	}
	point := private.PubKey()
	der, err := asn1.Marshal(spki{algorithm, bitString(point.SerializeUncompressed())})
	if err != nil {
		return nil, err
	}
	return &secp256k1Key{private, point, der}, nil
}

func secp256k1Algorithm() (pkix.AlgorithmIdentifier, error) {
	curve, err := asn1.Marshal(oidSecp256k1)
	return pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}}, err
}

func bitString(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }

func parseSecp256k1(b []byte) (key, error) {
	inner, err := openPKCS8(b)
	if err != nil {
		return nil, err
	}
	var ec sec1
	if rest, err := asn1.Unmarshal(inner, &ec); err != nil || len(rest) > 0 || ec.Version != 1 {
		return nil, ErrInvalidMaterial
	}
	var d secp256k1.ModNScalar
	if len(ec.PrivateKey) != 32 || d.SetByteSlice(ec.PrivateKey) || d.IsZero() {
		return nil, ErrInvalidMaterial
	}
	private := secp256k1.NewPrivateKey(&d)
	if given := ec.PublicKey.Bytes; len(given) > 0 && !samePoint(private.PubKey(), given) {
		return nil, ErrInvalidMaterial
	}
	return newSecp256k1Key(private)
}

// openPKCS8 returns the ECPrivateKey of a PKCS#8 key on secp256k1.
func openPKCS8(b []byte) ([]byte, error) {
	var outer pkcs8
	rest, err := asn1.Unmarshal(b, &outer)
	if err != nil || len(rest) > 0 || !outer.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, ErrInvalidMaterial
	}
	var curve asn1.ObjectIdentifier
	rest, err = asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &curve)
	if err != nil || len(rest) > 0 || !curve.Equal(oidSecp256k1) {
		return nil, ErrInvalidMaterial
	}
	return outer.PrivateKey, nil
}

func samePoint(point *secp256k1.PublicKey, encoded []byte) bool {
	given, err := secp256k1.ParsePubKey(encoded)
	return err == nil && given.IsEqual(point)
}

// sign makes the deterministic nonce of RFC 6979, and the lower of the two
// values of s. The library's point arithmetic is not constant-time throughout:
// whoever times signatures from the same machine may learn of the nonce.
func (k *secp256k1Key) sign(s statement) ([]byte, error) {
	_, digest, err := s.digest()
	if err != nil {
		return nil, err
	}
	return k1ecdsa.Sign(k.private, digest).Serialize(), nil
}

func (k *secp256k1Key) verify(s statement, signature []byte) error {
	_, digest, err := s.digest()
	if err != nil {
		return err
	}
	parsed, err := k1ecdsa.ParseDERSignature(signature)
	if err != nil || !parsed.Verify(digest, k.point) {
		return ErrInvalidSignature
	}
	return nil
}

func (k *secp256k1Key) public() []byte { return k.spki }

func (k *secp256k1Key) bytes() ([]byte, error) {
	algorithm, err := secp256k1Algorithm()
	if err != nil {
		return nil, err
	}
	d := k.private.Serialize()
	defer clear(d)
	inner, err := asn1.Marshal(sec1{Version: 1, PrivateKey: d, PublicKey: bitString(k.point.SerializeUncompressed())})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	defer clear(inner)
	return asn1.Marshal(pkcs8{0, algorithm, inner})
}

func (k *secp256k1Key) erase() { k.private.Zero() }

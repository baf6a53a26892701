// Package x509ca makes certificates: keys and signing requests, certificates by the
// templates of AWS Private CA, revocation lists and OCSP answers, and private keys
// sealed under a passphrase. It refuses keys, algorithms and requests that AWS
// refuses, and never extends what a template allows. It keeps nothing: keys are the
// caller's.
//
//	request → Template × what was passed through → Certificate → DER; status → CRL, OCSP
package x509ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The algorithms of keys, by AWS's names.
const (
	RSA1024 = "RSA_1024"
	RSA2048 = "RSA_2048"
	RSA3072 = "RSA_3072"
	RSA4096 = "RSA_4096"
	P256    = "EC_prime256v1"
	P384    = "EC_secp384r1"
	P521    = "EC_secp521r1"
)

// ErrAlgorithm says: no key is made or taken of this algorithm.
var ErrAlgorithm = errors.New("key algorithm not supported")

// Generate makes a key. RSA_1024 is refused: it can be broken.
func Generate(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	return nil, fmt.Errorf("generate %q: %w", algorithm, ErrAlgorithm)
}

// AlgorithmOf names a public key's algorithm, "" for one that is not supported.
func AlgorithmOf(public crypto.PublicKey) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 1024:
			return RSA1024
		case 2048:
			return RSA2048
		case 3072:
			return RSA3072
		case 4096:
			return RSA4096
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return P256
		case elliptic.P384():
			return P384
		case elliptic.P521():
			return P521
		}
	}
	return ""
}

// MarshalKey is a key as PKCS #8.
func MarshalKey(key crypto.Signer) ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }

// ParseKey reads what MarshalKey gave.
func ParseKey(der []byte) (crypto.Signer, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read a private key: %w", err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read a private key: %w", ErrAlgorithm)
	}
	return s, nil
}

// SamePublic tells whether two public keys are one.
func SamePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// signatures are signature algorithms by AWS's names.
var signatures = map[string]x509.SignatureAlgorithm{
	"SHA256WITHRSA": x509.SHA256WithRSA, "SHA384WITHRSA": x509.SHA384WithRSA, "SHA512WITHRSA": x509.SHA512WithRSA,
	"SHA256WITHECDSA": x509.ECDSAWithSHA256, "SHA384WITHECDSA": x509.ECDSAWithSHA384, "SHA512WITHECDSA": x509.ECDSAWithSHA512,
}

// Signature returns the signature algorithm of that name, and ErrAlgorithm if a key
// of that algorithm does not make such signatures.
func Signature(name, keyAlgorithm string) (x509.SignatureAlgorithm, error) {
	a, ok := signatures[name]
	isRSA := a == x509.SHA256WithRSA || a == x509.SHA384WithRSA || a == x509.SHA512WithRSA
	if !ok || isRSA != (len(keyAlgorithm) > 3 && keyAlgorithm[:3] == "RSA") {
		return 0, fmt.Errorf("sign by %s with %s: %w", name, keyAlgorithm, ErrAlgorithm)
	}
	return a, nil
}

// SignatureName is AWS's name of an algorithm, "" for one it has no name for.
func SignatureName(a x509.SignatureAlgorithm) string {
	for name, have := range signatures {
		if have == a {
			return name
		}
	}
	return ""
}

// EncodePEM is certificates, in DER, as PEM.
func EncodePEM(certificates ...[]byte) string {
	var out []byte
	for _, der := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return string(out)
}

// ErrPEM says: a text is not PEM, or holds anything but certificates.
var ErrPEM = errors.New("not PEM of certificates")

// DecodePEM reads certificates, at most limit of them.
func DecodePEM(text []byte, limit int) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			if len(out) == 0 || !blank(rest) {
				return nil, ErrPEM
			}
			return out, nil
		}
		if block.Type != "CERTIFICATE" || len(out) == limit {
			return nil, ErrPEM
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

package seal

import (
	"crypto/x509"
	"encoding/asn1"
)

// parsePKCS8 parses a private key of one kind, and nothing behind it: the
// standard library's parser lets trailing bytes pass.
func parsePKCS8[K any](b []byte) (K, error) {
	var none K
	if rest, err := asn1.Unmarshal(b, new(asn1.RawValue)); err != nil || len(rest) > 0 {
		return none, ErrInvalidMaterial
	}
	parsed, err := x509.ParsePKCS8PrivateKey(b)
	if err != nil {
		return none, err
	}
	k, ok := parsed.(K)
	if !ok {
		return none, ErrInvalidMaterial
	}
	return k, nil
}

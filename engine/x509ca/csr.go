package x509ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/bits"
)

// A Signing is what a signing request says.
type Signing struct {
	// Subject is an encoded name.
	Subject   []byte
	Names     []string // DNS names
	Signature x509.SignatureAlgorithm
	// Extensions are further ones.
	Extensions []pkix.Extension
}

// CSR signs a certificate signing request and returns its DER.
func CSR(key crypto.Signer, s *Signing) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		RawSubject: s.Subject, DNSNames: s.Names, SignatureAlgorithm: s.Signature, ExtraExtensions: s.Extensions,
	}, key)
	if err != nil {
		return nil, fmt.Errorf("sign a signing request: %w", err)
	}
	return der, nil
}

// EncodeCSR is a signing request as PEM.
func EncodeCSR(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// DecodeCSR reads the DER of a signing request out of PEM.
func DecodeCSR(text []byte) ([]byte, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" || !blank(rest) {
		return nil, ErrRequest
	}
	return block.Bytes, nil
}

// Usage is a key usage extension.
func Usage(u x509.KeyUsage) (pkix.Extension, error) {
	var b [2]byte
	b[0], b[1] = bits.Reverse8(byte(u)), bits.Reverse8(byte(u>>8)) //nolint:gosec // the low byte is meant
	n := 1
	if b[1] != 0 {
		n = 2
	}
	length := n*8 - bits.TrailingZeros8(b[n-1])
	out, err := appendValue(nil, oidUsage, asn1.BitString{Bytes: b[:n], BitLength: length})
	if err != nil {
		return pkix.Extension{}, err
	}
	out[0].Critical = true
	return out[0], nil
}

// A Description is one entry of an access extension: a method's object identifier
// and where.
type Description struct {
	Method   asn1.ObjectIdentifier
	Location GeneralName
}

// oidSubjectAccess is the subject information access (RFC 5280 §4.2.2.2).
var oidSubjectAccess = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 11}

// SubjectAccess is a subject information access extension.
func SubjectAccess(list []Description) (pkix.Extension, error) {
	out, err := appendValue(nil, oidSubjectAccess, list)
	if err != nil {
		return pkix.Extension{}, err
	}
	return out[0], nil
}

// A Policy is a certificate policy, with the addresses of its practice statements.
type Policy struct {
	ID  asn1.ObjectIdentifier
	CPS []string
}

// oidCPS qualifies a policy by the address of a statement (RFC 5280 §4.2.1.4).
var oidCPS = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1}

// Policies is a certificate policies extension.
func Policies(list []Policy) (pkix.Extension, error) {
	type qualifier struct {
		ID  asn1.ObjectIdentifier
		URI string `asn1:"ia5"`
	}
	type information struct {
		ID         asn1.ObjectIdentifier
		Qualifiers []qualifier `asn1:"optional,omitempty"`
	}
	var all []information
	for _, p := range list {
		one := information{ID: p.ID}
		for _, uri := range p.CPS {
			one.Qualifiers = append(one.Qualifiers, qualifier{oidCPS, uri})
		}
		all = append(all, one)
	}
	out, err := appendValue(nil, oidPolicies, all)
	if err != nil {
		return pkix.Extension{}, err
	}
	return out[0], nil
}

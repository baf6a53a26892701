package x509ca

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // OCSP names authorities by it (RFC 6960 §4.1.1); nothing is trusted for it
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Reasons are the reasons of revocation, by AWS's names (RFC 5280 §5.3.1).
var reasons = map[string]int{
	"UNSPECIFIED": 0, "KEY_COMPROMISE": 1, "CERTIFICATE_AUTHORITY_COMPROMISE": 2, "CA_COMPROMISE": 2, "AFFILIATION_CHANGED": 3,
	"SUPERSEDED": 4, "SUPERCEDED": 4, "CESSATION_OF_OPERATION": 5, "PRIVILEGE_WITHDRAWN": 9, "A_A_COMPROMISE": 10,
}

// Reason is the code of a reason for revocation; false if it is none that a
// certificate can be revoked for here.
func Reason(name string) (code int, ok bool) {
	code, ok = reasons[name]
	return code, ok
}

// A Revoked is a certificate that is no longer good.
type Revoked struct {
	Serial *big.Int
	At     time.Time
	Reason int
}

// A List is a list of revoked certificates, as it is to be signed.
type List struct {
	Number     *big.Int
	This, Next time.Time
	Revoked    []Revoked
}

// CRL signs a revocation list and returns its DER.
func (i *Issuer) CRL(l *List) ([]byte, error) {
	t := &x509.RevocationList{Number: l.Number, ThisUpdate: l.This, NextUpdate: l.Next, SignatureAlgorithm: i.Signature}
	for _, r := range l.Revoked {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: r.Serial, RevocationTime: r.At, ReasonCode: r.Reason,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, i.Certificate, i.Key)
	if err != nil {
		return nil, fmt.Errorf("sign a revocation list: %w", err)
	}
	return der, nil
}

// A Status is what OCSP tells of a certificate. Revoked is nil for one that is good.
type Status struct {
	Serial     *big.Int
	Revoked    *Revoked
	This, Next time.Time
}

// OCSP signs an answer and returns its DER.
func (i *Issuer) OCSP(s *Status, hash crypto.Hash) ([]byte, error) {
	t := ocsp.Response{
		Status: ocsp.Good, SerialNumber: s.Serial, ThisUpdate: s.This, NextUpdate: s.Next, IssuerHash: hash, SignatureAlgorithm: i.Signature,
	}
	if s.Revoked != nil {
		t.Status, t.RevokedAt, t.RevocationReason = ocsp.Revoked, s.Revoked.At, s.Revoked.Reason
	}
	der, err := ocsp.CreateResponse(i.Certificate, i.Certificate, t, i.Key)
	if err != nil {
		return nil, fmt.Errorf("sign an OCSP answer: %w", err)
	}
	return der, nil
}

// An Asked is an OCSP request for one certificate.
type Asked struct {
	Hash crypto.Hash
	// Key and Name are the hashes of the issuer's public key and of its name.
	Key, Name []byte
	Serial    *big.Int
}

// ErrAsked says: a request is no OCSP request that can be answered.
var ErrAsked = errors.New("not a valid OCSP request")

// ParseOCSP reads an OCSP request in DER.
func ParseOCSP(der []byte) (*Asked, error) {
	r, err := ocsp.ParseRequest(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAsked, err)
	}
	if r.HashAlgorithm != crypto.SHA1 && r.HashAlgorithm != crypto.SHA256 {
		return nil, ErrAsked
	}
	return &Asked{Hash: r.HashAlgorithm, Key: r.IssuerKeyHash, Name: r.IssuerNameHash, Serial: r.SerialNumber}, nil
}

// Malformed and Unknown are the unsigned answers to what is no request, and to one
// about a certificate that nobody here knows (RFC 5019 §2.2.3).
func Malformed() []byte { return ocsp.MalformedRequestErrorResponse }

// Unknown is described at Malformed.
func Unknown() []byte { return ocsp.UnauthorizedErrorResponse }

// KeyHashes are the names by which OCSP requests know an authority's key: its SHA-1
// and its SHA-256.
func KeyHashes(public crypto.PublicKey) (hashes [][]byte, err error) {
	bits, err := publicBits(public)
	if err != nil {
		return nil, err
	}
	short, long := sha1.Sum(bits), sha256.Sum256(bits) //nolint:gosec // see the import
	return [][]byte{short[:], long[:]}, nil
}

// NameHash is how an OCSP request names an authority's subject.
func NameHash(hash crypto.Hash, subject []byte) []byte {
	if hash == crypto.SHA1 {
		sum := sha1.Sum(subject) //nolint:gosec // see the import
		return sum[:]
	}
	sum := sha256.Sum256(subject)
	return sum[:]
}

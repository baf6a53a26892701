package x509ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// A Request is what an authority is asked to certify.
type Request struct {
	// CSR holds the key, the subject and the extensions; its signature was checked.
	CSR *x509.CertificateRequest
	Template
	NotBefore, NotAfter time.Time
	// Passed is what the caller gives, of which the template takes what it lets through.
	Passed Passed
	// CRL and OCSP are where the certificate's revocation is told; empty is nowhere.
	CRL, OCSP string
}

// Passed is what a caller passes through. The zero value passes nothing.
type Passed struct {
	// Subject is an encoded name.
	Subject []byte
	Usage   x509.KeyUsage
	// Extended are the purposes.
	Extended []asn1.ObjectIdentifier
	Names    []GeneralName
	// Policies and Custom are whole extensions.
	Policies *pkix.Extension
	Custom   []pkix.Extension
}

// An Issuer is an authority that can sign. Certificate is nil for one that is about
// to certify itself.
type Issuer struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	Signature   x509.SignatureAlgorithm
}

var (
	// ErrPassthrough says: what is passed through is not the caller's to set.
	ErrPassthrough = errors.New("extension cannot be passed through")
	// ErrRequest says: a signing request is not one, or is signed by another key.
	ErrRequest = errors.New("not a valid certificate signing request")
)

// The extensions that matter here (RFC 5280 §4.2).
var (
	oidSKI      = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidNames    = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasic    = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidCRL      = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidAKI      = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidExtended = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidAccess   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
)

// reserved are extensions that the authority alone sets.
var reserved = []asn1.ObjectIdentifier{oidSKI, oidBasic, oidCRL, oidAKI, oidAccess}

func isIn(oid asn1.ObjectIdentifier, list []asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(list, oid.Equal)
}

// ParseCSR reads a signing request, in PEM or DER, and checks that its own key has
// signed it.
func ParseCSR(der []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return csr, nil
}

// NewSerial draws a serial number of 128 bits, never zero or negative (RFC 5280
// §4.1.2.2).
func NewSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// KeyID is what certificates call a public key: RFC 7093 §2, method 1.
func KeyID(public crypto.PublicKey) ([]byte, error) {
	bits, err := publicBits(public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bits)
	return sum[:20], nil
}

func publicBits(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode a public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("encode a public key: %w", err)
	}
	return info.Bits.RightAlign(), nil
}

// Issue signs a certificate and returns its DER.
func (i *Issuer) Issue(r *Request) ([]byte, error) {
	t, err := r.template()
	if err != nil {
		return nil, err
	}
	parent := i.Certificate
	if r.Root || parent == nil {
		parent = t
	}
	t.SignatureAlgorithm = i.Signature
	der, err := x509.CreateCertificate(rand.Reader, t, parent, r.CSR.PublicKey, i.Key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return der, nil
}

func (r *Request) template() (*x509.Certificate, error) {
	id, err := KeyID(r.CSR.PublicKey)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: NewSerial(), RawSubject: r.CSR.RawSubject, NotBefore: r.NotBefore, NotAfter: r.NotAfter,
		SubjectKeyId: id, BasicConstraintsValid: true, IsCA: r.CA, MaxPathLen: -1,
		KeyUsage: r.usage, ExtKeyUsage: r.extended,
	}
	if r.API && len(r.Passed.Subject) > 0 {
		t.RawSubject = r.Passed.Subject
	}
	if r.PathLen >= 0 && r.CA {
		t.MaxPathLen, t.MaxPathLenZero = r.PathLen, r.PathLen == 0
	}
	if r.CRL != "" && !r.Root {
		t.CRLDistributionPoints = []string{r.CRL}
	}
	if r.OCSP != "" && !r.Root {
		t.OCSPServer = []string{r.OCSP}
	}
	t.ExtraExtensions, err = r.extensions(t)
	return t, err
}

// emptyName is the encoding of a name without attributes.
var emptyName = []byte{0x30, 0}

// extensions are those that the template leaves open, the caller's before the
// request's.
func (r *Request) extensions(t *x509.Certificate) ([]pkix.Extension, error) {
	var out []pkix.Extension
	add := func(e pkix.Extension) {
		if !slices.ContainsFunc(out, func(o pkix.Extension) bool { return o.Id.Equal(e.Id) }) {
			out = append(out, e)
		}
	}
	if !r.CA && (!r.Blank || !r.CriticalBasic) { // Go's own is always critical, AWS's is not
		add(pkix.Extension{Id: oidBasic, Value: emptyName})
	}
	if r.API {
		passed, err := r.passed(t)
		if err != nil {
			return nil, err
		}
		for _, e := range passed {
			add(e)
		}
	}
	for _, e := range r.CSR.Extensions {
		if !r.takes(e.Id) {
			continue
		}
		if e.Id.Equal(oidNames) {
			e.Critical = bytes.Equal(t.RawSubject, emptyName)
		}
		add(e)
	}
	return out, nil
}

// takes tells whether an extension of the request goes into the certificate.
func (r *Request) takes(oid asn1.ObjectIdentifier) bool {
	switch {
	case isIn(oid, reserved):
		return false
	case oid.Equal(oidNames):
		return true
	case oid.Equal(oidUsage):
		return r.Template.CSR && r.usage == 0 && (!r.API || r.Passed.Usage == 0)
	case oid.Equal(oidExtended):
		return r.Template.CSR && r.Blank
	}
	return r.Template.CSR
}

// passed are the caller's extensions.
func (r *Request) passed(t *x509.Certificate) (out []pkix.Extension, err error) {
	p := &r.Passed
	if p.Usage != 0 && r.usage == 0 {
		t.KeyUsage = p.Usage
	}
	if len(p.Extended) > 0 && r.Blank {
		if out, err = appendValue(out, oidExtended, p.Extended); err != nil {
			return nil, err
		}
	}
	if len(p.Names) > 0 {
		if out, err = appendValue(out, oidNames, p.Names); err != nil {
			return nil, err
		}
		out[len(out)-1].Critical = bytes.Equal(t.RawSubject, emptyName)
	}
	if p.Policies != nil {
		out = append(out, *p.Policies)
	}
	for _, e := range p.Custom {
		if isIn(e.Id, reserved) || isIn(e.Id, []asn1.ObjectIdentifier{oidUsage, oidExtended, oidNames, oidPolicies}) {
			return nil, fmt.Errorf("%s: %w", e.Id, ErrPassthrough)
		}
		out = append(out, e)
	}
	return out, nil
}

func appendValue[T any](to []pkix.Extension, oid asn1.ObjectIdentifier, value T) ([]pkix.Extension, error) {
	der, err := asn1.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode extension %s: %w", oid, err)
	}
	return append(to, pkix.Extension{Id: oid, Value: der}), nil
}

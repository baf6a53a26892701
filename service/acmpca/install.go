package acmpca

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxChain is how many certificates a chain may have.
const maxChain = 20

// GetCertificateAuthorityCsr returns the signing request of an authority.
func (s *Service) GetCertificateAuthorityCsr(ctx context.Context, in *acmpca.GetCertificateAuthorityCsrInput) (*acmpca.GetCertificateAuthorityCsrOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	if !row.Until.IsZero() {
		return nil, row.wrongState(s.Clock.Now())
	}
	return &acmpca.GetCertificateAuthorityCsrOutput{Csr: aws.String(x509ca.EncodeCSR(row.CSR))}, nil
}

// GetCertificateAuthorityCertificate returns an authority's certificate, and the
// chain above it.
func (s *Service) GetCertificateAuthorityCertificate(ctx context.Context, in *acmpca.GetCertificateAuthorityCertificateInput) (*acmpca.GetCertificateAuthorityCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	if len(row.Certificate) == 0 || !row.Until.IsZero() {
		return nil, row.wrongState(s.Clock.Now())
	}
	return &acmpca.GetCertificateAuthorityCertificateOutput{
		Certificate: aws.String(trimmed(x509ca.EncodePEM(row.Certificate))), CertificateChain: text(trimmed(x509ca.EncodePEM(row.Chain...))),
	}, nil
}

// trimmed is PEM without the newline at its end, as AWS shows it.
func trimmed(pem string) string { return strings.TrimSuffix(pem, "\n") }

// ImportCertificateAuthorityCertificate gives an authority its certificate, and makes
// it active.
func (s *Service) ImportCertificateAuthorityCertificate(ctx context.Context, in *acmpca.ImportCertificateAuthorityCertificateInput) (*acmpca.ImportCertificateAuthorityCertificateOutput, error) {
	certs, err := x509ca.DecodePEM(in.Certificate, 1)
	if err != nil {
		return nil, malformedCertificate("The certificate is not valid PEM of one certificate.")
	}
	var chain []*x509.Certificate
	if len(in.CertificateChain) > 0 {
		if chain, err = x509ca.DecodePEM(in.CertificateChain, maxChain); err != nil {
			return nil, malformedCertificate("The certificate chain is not valid PEM of certificates.")
		}
	}
	err = s.edit(ctx, *in.CertificateAuthorityArn, func(tx *store.Tx, row *authority) error {
		return row.install(certs[0], chain, tx.Now())
	})
	s.worker.Wake()
	return &acmpca.ImportCertificateAuthorityCertificateOutput{}, err
}

// install makes c the authority's certificate. It may take the place of another.
func (a *authority) install(c *x509.Certificate, chain []*x509.Certificate, now time.Time) error {
	if !a.Until.IsZero() {
		return a.wrongState(now)
	}
	csr, err := x509.ParseCertificateRequest(a.CSR)
	if err != nil {
		return err
	}
	if !x509ca.SamePublic(c.PublicKey, csr.PublicKey) {
		return mismatch("The public key of the certificate does not match that of the certificate authority.")
	}
	if err := a.fits(c, csr, now); err != nil {
		return err
	}
	if err := a.chained(c, chain, now); err != nil {
		return err
	}
	before := a.state(now)
	a.Certificate, a.Chain, a.NotBefore, a.NotAfter = c.Raw, nil, c.NotBefore, c.NotAfter
	for _, above := range chain {
		a.Chain = append(a.Chain, above.Raw)
	}
	if before != types.CertificateAuthorityStatusDisabled {
		a.Changed = now
	}
	a.planList(now)
	return nil
}

// rejected are extensions that must not be critical in an authority's certificate
// (API Reference, ImportCertificateAuthorityCertificate, "Enforcement of Critical
// Constraints").
var rejected = []asn1.ObjectIdentifier{
	{1, 3, 6, 1, 5, 5, 7, 1, 1}, // authority information access
	{2, 5, 29, 31},              // CRL distribution points
	{2, 5, 29, 46},              // freshest CRL
	{2, 5, 29, 36},              // policy constraints
}

// fits checks what a certificate says of itself.
func (a *authority) fits(c *x509.Certificate, csr *x509.CertificateRequest, now time.Time) error {
	switch {
	case !c.IsCA || !c.BasicConstraintsValid:
		return mismatch("The certificate is not that of a certificate authority.")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return mismatch("The certificate's key usage does not allow the signing of certificates.")
	case !bytes.Equal(c.RawSubject, csr.RawSubject):
		return mismatch("The subject of the certificate does not match that of the certificate authority.")
	case now.Before(c.NotBefore) || !now.Before(c.NotAfter):
		return malformedCertificate("The certificate is not valid at this time.")
	}
	for _, e := range c.Extensions {
		if e.Critical && slices.ContainsFunc(rejected, e.Id.Equal) {
			return malformedCertificate("The certificate has a critical extension that is not allowed: " + e.Id.String())
		}
	}
	return nil
}

// chained checks that the certificate leads to a root: by itself for a root
// authority, by the chain for another.
func (a *authority) chained(c *x509.Certificate, chain []*x509.Certificate, now time.Time) error {
	self := bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil
	switch {
	case a.Root && !self:
		return invalidRequest("Only a self-signed certificate can be imported as a root CA.")
	case a.Root && len(chain) > 0:
		return invalidRequest("A certificate chain must not be provided for a root CA.")
	case a.Root:
		return nil
	case self:
		return invalidRequest("A self-signed certificate cannot be imported as a subordinate CA.")
	case len(chain) == 0:
		return invalidRequest("A certificate chain must be provided for a subordinate CA.")
	}
	below := c
	for depth, above := range chain {
		if err := signs(above, below, depth, now); err != nil {
			return err
		}
		below = above
	}
	if below.CheckSignatureFrom(below) != nil {
		return mismatch("The last certificate of the chain is not a root's.")
	}
	return nil
}

// signs checks one step of a chain. depth is how many authorities lie between.
func signs(above, below *x509.Certificate, depth int, now time.Time) error {
	switch {
	case below.CheckSignatureFrom(above) != nil || !bytes.Equal(below.RawIssuer, above.RawSubject):
		return mismatch("The certificate chain does not lead from the certificate to a root.")
	case above.MaxPathLen >= 0 && (above.MaxPathLen > 0 || above.MaxPathLenZero) && depth+1 > above.MaxPathLen:
		return mismatch("The path length constraint of a certificate in the chain is exceeded.")
	case now.Before(above.NotBefore) || !now.Before(above.NotAfter):
		return malformedCertificate("A certificate of the chain is not valid at this time.")
	case below.NotAfter.After(above.NotAfter):
		return mismatch("The certificate is valid for longer than the one that has signed it.")
	}
	return nil
}

// certificate is the authority's own.
func (a *authority) certificate() (*x509.Certificate, error) {
	return x509.ParseCertificate(a.Certificate)
}

// serial is the authority's certificate's number, as the API shows it.
func (a *authority) serial() string {
	if len(a.Certificate) == 0 {
		return ""
	}
	c, err := a.certificate()
	if err != nil {
		return ""
	}
	return colons(c.SerialNumber.Bytes())
}

const hexDigits = "0123456789abcdef"

// colons writes a number as pairs of digits with colons between.
func colons(b []byte) string {
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(out)
}

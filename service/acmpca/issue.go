package acmpca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// backdated is how long before its issuance a certificate becomes valid unless asked
	// otherwise (API Reference, IssueCertificate, ValidityNotBefore).
	backdated = time.Hour
	// shortLife is how long certificates of a short-lived mode are valid at most.
	shortLife = 7 * day
	// defaultTemplate is the template of a call that names none.
	defaultTemplate = "EndEntityCertificate/V1"
)

// templateARN is the template of a call, by name.
func (s *Service) templateARN(given *string) string {
	if given != nil {
		return *given
	}
	return "arn:" + arn.Partition(s.Region) + ":acm-pca:::template/" + defaultTemplate
}

// IssueCertificate signs a certificate. It is there when the call returns.
func (s *Service) IssueCertificate(ctx context.Context, in *acmpca.IssueCertificateInput) (*acmpca.IssueCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	if old, err := s.repeated(ctx, row, aws.ToString(in.IdempotencyToken)); err != nil || old != nil {
		return s.issuedOutput(old), err
	}
	r, err := s.newRequest(row, in)
	if err != nil {
		return nil, err
	}
	made, err := s.sign(ctx, row, r, string(in.SigningAlgorithm))
	if err != nil {
		return nil, err
	}
	made.Token, made.Template, made.Requester = aws.ToString(in.IdempotencyToken), s.templateARN(in.TemplateArn), wire.CallFrom(ctx).Principal.ARN
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		now, err := s.get(tx, reference{account: row.Account, id: row.ID})
		if err != nil {
			return err
		}
		if err := now.issues(r, tx.Now()); err != nil { // another call may have disabled it meanwhile
			return err
		}
		return certificates.Add(tx, made)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noAuthority(*in.CertificateAuthorityArn)
	}
	if err != nil {
		return nil, err
	}
	return s.issuedOutput(made), nil
}

func (s *Service) issuedOutput(c *issued) *acmpca.IssueCertificateOutput {
	if c == nil {
		return nil
	}
	return &acmpca.IssueCertificateOutput{CertificateArn: aws.String(c.arn(s.Region))}
}

// repeated is the certificate that a call with the same token has just issued.
func (s *Service) repeated(ctx context.Context, row *authority, token string) (old *issued, err error) {
	if token == "" {
		return nil, nil
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		old = nil
		for c, err := range certificates.ScanIndex(tx, "token", store.Range{Prefix: store.K(row.Account, row.ID, token)}) {
			if err != nil {
				return err
			}
			if tx.Now().Sub(c.At) < tokenLife {
				old = c
			}
		}
		return nil
	})
	return old, err
}

// newRequest reads what is asked for, and holds it to what the authority may issue.
func (s *Service) newRequest(row *authority, in *acmpca.IssueCertificateInput) (*x509ca.Request, error) {
	now := s.Clock.Now()
	_, name, ok := strings.Cut(s.templateARN(in.TemplateArn), ":acm-pca:::template/")
	t, err := x509ca.ParseTemplate(name)
	if err != nil || !ok {
		return nil, invalidArgs("The template %s does not exist.", *in.TemplateArn)
	}
	r := &x509ca.Request{Template: t, NotBefore: now.Add(-backdated)}
	if r.CSR, err = readCSR(in.Csr); err != nil {
		return nil, err
	}
	if r.NotAfter, err = ends(in.Validity, now); err != nil {
		return nil, err
	}
	if v := in.ValidityNotBefore; v != nil {
		if v.Type != types.ValidityPeriodTypeAbsolute {
			return nil, invalidArgs("ValidityNotBefore must be of the type ABSOLUTE.")
		}
		if r.NotBefore, err = ends(v, now); err != nil {
			return nil, err
		}
	}
	if t.API && in.ApiPassthrough != nil {
		if r.Passed, err = passedBy(in.ApiPassthrough); err != nil {
			return nil, err
		}
	}
	if !named(r) {
		return nil, malformedCSR("The CSR must provide a subject name or a subject alternative name.")
	}
	if _, err := x509ca.Signature(string(in.SigningAlgorithm), row.KeyAlgorithm); err != nil {
		return nil, invalidArgs("The signing algorithm %s does not match the algorithm family of the CA's key.", in.SigningAlgorithm)
	}
	r.CRL, r.OCSP = s.crlURL(row), s.ocspURL(row)
	return r, row.issues(r, now)
}

// named tells whether a certificate would name anybody.
func named(r *x509ca.Request) bool {
	return len(r.CSR.Subject.Names) > 0 || len(r.CSR.DNSNames)+len(r.CSR.EmailAddresses)+len(r.CSR.IPAddresses)+len(r.CSR.URIs) > 0 ||
		len(r.Passed.Subject) > 0 || len(r.Passed.Names) > 0
}

func readCSR(text []byte) (*x509.CertificateRequest, error) {
	der, err := x509ca.DecodeCSR(text)
	if err != nil {
		return nil, malformedCSR("The certificate signing request is not valid PEM.")
	}
	csr, err := x509ca.ParseCSR(der)
	if err != nil {
		return nil, malformedCSR("The certificate signing request is not valid, or is not signed by its own key.")
	}
	switch x509ca.AlgorithmOf(csr.PublicKey) {
	case "", x509ca.RSA1024:
		return nil, malformedCSR("The key of the certificate signing request is not of a supported algorithm.")
	}
	return csr, nil
}

// ends is the time that a validity names (API Reference, Validity).
func ends(v *types.Validity, now time.Time) (time.Time, error) {
	n := *v.Value
	const most = 1000 * 366 // keeps sums in the calendar
	if v.Type == types.ValidityPeriodTypeEndDate {
		return endDate(n)
	}
	if v.Type == types.ValidityPeriodTypeAbsolute {
		if n > 253402300799 { // the end of the year 9999
			return time.Time{}, invalidArgs("The validity is not valid.")
		}
		return time.Unix(n, 0).UTC(), nil
	}
	if n > most {
		return time.Time{}, invalid("The certificate validity is too long.")
	}
	switch v.Type {
	case types.ValidityPeriodTypeYears:
		return now.AddDate(int(n), 0, 0), nil
	case types.ValidityPeriodTypeMonths:
		return now.AddDate(0, int(n), 0), nil
	default:
		return now.AddDate(0, 0, int(n)), nil
	}
}

// endDate reads YYMMDDHHMMSS or YYYYMMDDHHMMSS.
func endDate(n int64) (time.Time, error) {
	digits := fmt.Sprintf("%012d", n)
	if len(digits) == 12 {
		century := "20"
		if digits[0] >= '5' {
			century = "19"
		}
		digits = century + digits
	}
	t, err := time.Parse("20060102150405", digits)
	if err != nil {
		return t, invalidArgs("The validity is not a date.")
	}
	return t, nil
}

// issues tells whether the authority may issue what is asked for.
func (a *authority) issues(r *x509ca.Request, now time.Time) error {
	if r.Root {
		return a.certifiesItself(r, now)
	}
	if a.state(now) != types.CertificateAuthorityStatusActive {
		return a.wrongState(now)
	}
	own, err := a.certificate()
	if err != nil {
		return err
	}
	switch {
	case !r.NotAfter.After(r.NotBefore) || !r.NotAfter.After(now):
		return invalid("The certificate validity specified ends before it begins.")
	case r.NotAfter.After(a.NotAfter):
		return invalid("The certificate validity specified exceeds the certificate authority validity.")
	case r.NotBefore.Before(own.NotBefore) && r.NotBefore.Before(now.Add(-backdated)):
		return invalid("The certificate validity specified begins before the certificate authority validity.")
	case a.Short && r.NotAfter.After(now.Add(shortLife)):
		return invalid("The certificate validity specified exceeds 7 days, which is the most for a CA of the usage mode SHORT_LIVED_CERTIFICATE.")
	case r.CA && own.MaxPathLen >= 0 && (own.MaxPathLen > 0 || own.MaxPathLenZero) && r.PathLen >= own.MaxPathLen:
		return invalidArgs("The path length of the template is not below that of the certificate authority.")
	}
	if r.NotBefore.Before(own.NotBefore) {
		r.NotBefore = own.NotBefore
	}
	return nil
}

// certifiesItself tells whether a root may sign its own certificate.
func (a *authority) certifiesItself(r *x509ca.Request, now time.Time) error {
	own, err := x509.ParseCertificateRequest(a.CSR)
	if err != nil {
		return err
	}
	switch s := a.state(now); {
	case s == types.CertificateAuthorityStatusDeleted || s == types.CertificateAuthorityStatusDisabled:
		return a.wrongState(now)
	case !a.Root:
		return invalidArgs("A root CA certificate template can be used by a root CA only.")
	case !x509ca.SamePublic(own.PublicKey, r.CSR.PublicKey):
		return invalidArgs("A root CA certificate can be issued for the CA's own signing request only.")
	case !r.NotAfter.After(now) || !r.NotAfter.After(r.NotBefore):
		return invalid("The certificate validity specified ends before it begins.")
	}
	return nil
}

// signer is the authority's key.
func (s *Service) signer(ctx context.Context, a *authority) (crypto.Signer, error) {
	name := reference{account: a.Account, id: a.ID}
	if k, ok := s.signers.Get(name); ok {
		return k, nil
	}
	var row *privateKey
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = privateKeys.Get(tx, a.Account, a.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	k, err := x509ca.ParseKey(row.DER)
	if err == nil {
		s.signers.Put(name, k)
	}
	return k, err
}

// issuer is the authority, ready to sign.
func (s *Service) issuer(ctx context.Context, a *authority, algorithm string) (*x509ca.Issuer, error) {
	key, err := s.signer(ctx, a)
	if err != nil {
		return nil, err
	}
	i := &x509ca.Issuer{Key: key}
	if i.Signature, err = x509ca.Signature(algorithm, a.KeyAlgorithm); err != nil {
		return nil, err
	}
	if len(a.Certificate) > 0 {
		i.Certificate, err = a.certificate()
	}
	return i, err
}

// sign makes the certificate's row, which is not stored yet.
func (s *Service) sign(ctx context.Context, a *authority, r *x509ca.Request, algorithm string) (*issued, error) {
	i, err := s.issuer(ctx, a, algorithm)
	if err != nil {
		return nil, err
	}
	der, err := i.Issue(r)
	if errors.Is(err, x509ca.ErrPassthrough) {
		return nil, invalidArgs("%s", err)
	}
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, malformedCSR("The certificate signing request asks for what makes no valid certificate.")
	}
	return &issued{
		Account: a.Account, Authority: a.ID, Serial: hex.EncodeToString(c.SerialNumber.Bytes()), DER: der,
		At: s.Clock.Now(), NotAfter: c.NotAfter, SelfMade: r.Root,
	}, nil
}

// GetCertificate returns a certificate and the chain above it.
func (s *Service) GetCertificate(ctx context.Context, in *acmpca.GetCertificateInput) (*acmpca.GetCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	r, err := parse(*in.CertificateArn)
	if err != nil || r.serial == "" {
		return nil, invalidARN(*in.CertificateArn)
	}
	if !row.Until.IsZero() {
		return nil, row.wrongState(s.Clock.Now())
	}
	if r.account != row.Account || r.id != row.ID {
		return nil, noCertificate()
	}
	var c *issued
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		c, err = certificates.Get(tx, r.account, r.id, r.serial)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noCertificate()
	}
	if err != nil {
		return nil, err
	}
	out := &acmpca.GetCertificateOutput{Certificate: aws.String(trimmed(x509ca.EncodePEM(c.DER)))}
	if !c.SelfMade {
		out.CertificateChain = aws.String(trimmed(x509ca.EncodePEM(row.above()...)))
	}
	return out, nil
}

// above is the chain above the authority's certificates: its own, and those above it.
func (a *authority) above() [][]byte { return append([][]byte{a.Certificate}, a.Chain...) }

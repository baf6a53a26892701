package acmpca

import (
	"context"
	"errors"
	"time"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
)

// house owns the Region's public authorities. It is no account, so that no ARN and no
// call leads to them.
const house = "house"

const (
	rootYears    = 20
	issuingYears = 10
)

// PublicRoot returns the certificate, in PEM, of the root above the Region's public
// certificates: what clients are to trust.
func (s *Service) PublicRoot(ctx context.Context) (string, error) {
	a, err := s.issuing(ctx)
	if err != nil {
		return "", err
	}
	return x509ca.EncodePEM(a.Chain...), nil
}

// IssuePublic signs a certificate for a request whose names have been validated, from
// an hour ago until the given time, and returns it and the chain above it in PEM.
func (s *Service) IssuePublic(ctx context.Context, csr []byte, until time.Time) (certificate, chain string, err error) {
	a, err := s.issuing(ctx)
	if err != nil {
		return "", "", err
	}
	t, err := x509ca.ParseTemplate("EndEntityServerAuthCertificate/V1")
	if err != nil {
		return "", "", err
	}
	r := &x509ca.Request{Template: t, NotBefore: s.Clock.Now().Add(-backdated), NotAfter: until, CRL: s.crlURL(a), OCSP: s.ocspURL(a)}
	if r.CSR, err = x509ca.ParseCSR(csr); err != nil {
		return "", "", err
	}
	if err := a.issues(r, s.Clock.Now()); err != nil {
		return "", "", err
	}
	made, err := s.sign(ctx, a, r, a.Signing)
	if err != nil {
		return "", "", err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error { return certificates.Add(tx, made) })
	return x509ca.EncodePEM(made.DER), x509ca.EncodePEM(a.above()...), err
}

// RevokePublic revokes what IssuePublic has issued. serial is hexadecimal; reason is
// one of the API's names.
func (s *Service) RevokePublic(ctx context.Context, serial, reason string) error {
	a, err := s.issuing(ctx)
	if err != nil {
		return err
	}
	code, _ := x509ca.Reason(reason)
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := authorities.Get(tx, house, a.ID)
		if err != nil {
			return err
		}
		return revoke(tx, row, serial, code)
	})
	s.worker.Wake()
	return err
}

// issuing is the authority that signs public certificates, made when first needed,
// and anew when it can no longer sign for as long as certificates live.
func (s *Service) issuing(ctx context.Context) (*authority, error) {
	a, err := s.housed(ctx, "issuing")
	if err != nil || a != nil && s.Clock.Now().AddDate(1, 0, 0).Before(a.NotAfter) {
		return a, err
	}
	root, err := s.housed(ctx, "root")
	if err != nil {
		return nil, err
	}
	if root == nil || s.Clock.Now().AddDate(issuingYears, 0, 0).After(root.NotAfter) {
		if root, err = s.found(ctx, "root", nil); err != nil {
			return nil, err
		}
	}
	return s.found(ctx, "issuing", root)
}

// housed is the newest public authority of a role.
func (s *Service) housed(ctx context.Context, role string) (found *authority, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		found = nil
		for a, err := range authorities.ScanIndex(tx, "token", store.Range{Prefix: store.K(house, role)}) {
			if err != nil {
				return err
			}
			if found == nil || a.NotAfter.After(found.NotAfter) {
				found = a
			}
		}
		return nil
	})
	return found, err
}

// found makes a public authority under a root, or a root.
func (s *Service) found(ctx context.Context, role string, above *authority) (*authority, error) {
	a := &authority{
		Account: house, ID: newID(), Region: s.Region, Root: above == nil, Token: role, KeyAlgorithm: x509ca.P256, Signing: "SHA256WITHECDSA",
		Subject: []x509ca.Attribute{{OID: x509ca.Organization, Value: "Garrison"}, {OID: x509ca.CommonName, Value: "Garrison " + s.Region + " " + role + " CA"}},
		CRL:     crl{On: above != nil, Days: houseDays}, OCSP: ocsp{On: above != nil},
	}
	key, err := a.newKey()
	if err != nil {
		return nil, err
	}
	if err := s.certify(ctx, a, key, above); err != nil {
		return nil, err
	}
	err = s.keep(ctx, a, key)
	if errors.Is(err, store.ErrExists) {
		return s.housed(ctx, role)
	}
	s.worker.Wake()
	return a, err
}

// certify signs the certificate of a public authority.
func (s *Service) certify(ctx context.Context, a *authority, key *privateKey, above *authority) error {
	now := s.Clock.Now()
	template, years := "RootCACertificate/V1", rootYears
	if above != nil {
		template, years = "SubordinateCACertificate_PathLen0/V1", issuingYears
	}
	t, err := x509ca.ParseTemplate(template)
	if err != nil {
		return err
	}
	r := &x509ca.Request{Template: t, NotBefore: now.Add(-backdated), NotAfter: now.AddDate(years, 0, 0)}
	if r.CSR, err = x509ca.ParseCSR(a.CSR); err != nil {
		return err
	}
	i := &x509ca.Issuer{}
	if above != nil {
		if i, err = s.issuer(ctx, above, above.Signing); err != nil {
			return err
		}
		a.Chain = above.above()
	} else {
		if i.Key, err = x509ca.ParseKey(key.DER); err != nil {
			return err
		}
		if i.Signature, err = x509ca.Signature(a.Signing, a.KeyAlgorithm); err != nil {
			return err
		}
	}
	if a.Certificate, err = i.Issue(r); err != nil {
		return err
	}
	a.NotBefore, a.NotAfter = r.NotBefore, r.NotAfter
	a.planList(now)
	return nil
}

// Signing returns the signature algorithm of the authority of an ARN, for services
// that ask it to sign.
func (s *Service) Signing(ctx context.Context, arn string) (string, error) {
	a, err := s.find(ctx, arn)
	if err != nil {
		return "", err
	}
	return a.Signing, nil
}

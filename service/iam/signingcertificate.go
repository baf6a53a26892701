package iam

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A signingCertificate is an X.509 certificate of a user.
type signingCertificate struct {
	Account, User, ID string
	Body              string
	// Digest is of the certificate's bytes: an account has each only once.
	Digest   string
	Active   bool
	Uploaded time.Time
}

// maxSigningCertificates is how many a user may have (IAM User Guide, "IAM and
// AWS STS quotas").
const maxSigningCertificates = 2

var signingCertificates = store.NewTable("iam.signingcertificate",
	func(c *signingCertificate) store.Key { return store.K(c.Account, c.User, c.ID) },
	store.UniqueIndex("certificate", func(c *signingCertificate) []store.Key { return []store.Key{store.K(c.Account, c.Digest)} }))

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (s *Service) signingCertificateOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.UploadSigningCertificateInput) *string { return in.UserName }), s.UploadSigningCertificate),
		op(on(s, users, func(in *iam.ListSigningCertificatesInput) *string { return in.UserName }), s.ListSigningCertificates),
		op(on(s, users, func(in *iam.UpdateSigningCertificateInput) *string { return in.UserName }), s.UpdateSigningCertificate),
		op(on(s, users, func(in *iam.DeleteSigningCertificateInput) *string { return in.UserName }), s.DeleteSigningCertificate),
	}
}

// certificatesIn reads certificates in PEM, and nothing but certificates.
func certificatesIn(body string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	rest := []byte(strings.TrimSpace(body))
	for len(rest) > 0 {
		block, next := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, malformedCertificate("Unable to parse certificate. Please ensure the certificate is in PEM format.")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, malformedCertificate("Unable to parse certificate. Please ensure the certificate is in PEM format.")
		}
		out, rest = append(out, c), next
	}
	return out, nil
}

func malformedCertificate(message string) error {
	return &types.MalformedCertificateException{Message: &message}
}

// oneCertificate reads a single certificate in PEM.
func oneCertificate(body string) (*x509.Certificate, error) {
	list, err := certificatesIn(body)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, malformedCertificate("Certificate body must hold exactly one certificate.")
	}
	return list[0], nil
}

func (c *signingCertificate) api(u *user) types.SigningCertificate {
	return types.SigningCertificate{
		UserName: &u.Name, CertificateId: &c.ID, CertificateBody: &c.Body, Status: statusOf(c.Active), UploadDate: &c.Uploaded,
	}
}

// UploadSigningCertificate gives a user, or the caller, a certificate.
func (s *Service) UploadSigningCertificate(ctx context.Context, in *iam.UploadSigningCertificateInput) (*iam.UploadSigningCertificateOutput, error) {
	c, err := oneCertificate(*in.CertificateBody)
	if err != nil {
		return nil, err
	}
	if now := s.clock.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, &types.InvalidCertificateException{Message: aws.String("The certificate is not valid at this time.")}
	}
	var id [20]byte
	rand.Read(id[:])
	row := &signingCertificate{
		Account: wire.CallFrom(ctx).Account(), ID: idDigits.EncodeToString(id[:]), Body: *in.CertificateBody,
		Digest: digest(c.Raw), Active: true, Uploaded: s.now(),
	}
	var out types.SigningCertificate
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		have, err := ownedBy(tx, signingCertificates, u)
		if err != nil {
			return err
		}
		if len(have) >= maxSigningCertificates {
			return over("CertificatesPerUser", maxSigningCertificates)
		}
		row.User, out = u.ID, row.api(u)
		return signingCertificates.Insert(tx, row)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, &types.DuplicateCertificateException{Message: aws.String("The certificate is already associated with an IAM user in the account.")}
	}
	if err != nil {
		return nil, err
	}
	return &iam.UploadSigningCertificateOutput{Certificate: &out}, nil
}

// ListSigningCertificates lists the certificates of a user or of the caller, by id.
func (s *Service) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	p, err := newPager("iam.ListSigningCertificates", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}}
	err = s.viewUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		all, err := ownedBy(tx, signingCertificates, u)
		for _, c := range all {
			if c.ID <= p.after {
				continue
			}
			if !p.take(c.ID) {
				break
			}
			out.Certificates = append(out.Certificates, c.api(u))
		}
		return err
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// signingCertificate reads a certificate that the user must have.
func (u *user) signingCertificate(tx *store.Tx, id string) (*signingCertificate, error) {
	c, err := signingCertificates.Get(tx, u.Account, u.ID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("The Certificate with id " + id + " cannot be found.")
	}
	return c, err
}

// UpdateSigningCertificate switches a certificate on or off.
func (s *Service) UpdateSigningCertificate(ctx context.Context, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	active, err := switched(in.Status)
	if err != nil {
		return nil, err
	}
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		c, err := u.signingCertificate(tx, *in.CertificateId)
		if err != nil {
			return err
		}
		c.Active = active
		return signingCertificates.Put(tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSigningCertificateOutput{}, nil
}

// DeleteSigningCertificate deletes a certificate.
func (s *Service) DeleteSigningCertificate(ctx context.Context, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	err := s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		c, err := u.signingCertificate(tx, *in.CertificateId)
		if err != nil {
			return err
		}
		return signingCertificates.Delete(tx, c.Account, c.User, c.ID)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSigningCertificateOutput{}, nil
}

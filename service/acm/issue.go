package acm

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	pcatypes "github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/authz"
)

const (
	day = 24 * time.Hour
	// publicDays is how long public certificates are valid, and privateDays private
	// ones: thirteen months.
	publicDays  = 198
	privateDays = 395
)

// A pair is a new certificate and its key.
type pair struct {
	cert  *x509.Certificate
	chain string
	key   []byte // PKCS #8
}

// newPair makes a key, and has a certificate signed for it.
func newPair(row *certificate, sign func(csr []byte) (certificate, chain string, err error)) (*pair, error) {
	key, err := x509ca.Generate(row.KeyAlgorithm)
	if err != nil {
		return nil, err
	}
	subject, err := x509ca.Name([]x509ca.Attribute{{OID: x509ca.CommonName, Value: row.Domain}})
	if err != nil {
		return nil, err
	}
	csr, err := x509ca.CSR(key, &x509ca.Signing{Subject: subject, Names: row.Names})
	if err != nil {
		return nil, err
	}
	p := &pair{}
	var text string
	if text, p.chain, err = sign(csr); err != nil {
		return nil, err
	}
	certs, err := x509ca.DecodePEM([]byte(text), 1)
	if err != nil {
		return nil, err
	}
	p.cert = certs[0]
	p.key, err = x509ca.MarshalKey(key)
	return p, err
}

// take makes p the certificate's pair. The ARN stays.
func (c *certificate) take(p *pair, now time.Time) *privateKey {
	c.Status, c.Issued, c.Failure = string(types.CertificateStatusIssued), now, ""
	c.DER, c.Chain, c.NotBefore, c.NotAfter = p.cert.Raw, p.chain, p.cert.NotBefore, p.cert.NotAfter
	c.Serial, c.Tries, c.Told = hex.EncodeToString(p.cert.SerialNumber.Bytes()), 0, time.Time{}
	return &privateKey{Account: c.Account, ID: c.ID, DER: p.key}
}

func (s *Service) publicPair(ctx context.Context, row *certificate) (*pair, error) {
	return newPair(row, func(csr []byte) (string, string, error) {
		return s.Public.IssuePublic(ctx, csr, s.Clock.Now().Add(publicDays*day))
	})
}

// pca is AWS Private CA as one caller asks it.
type pca struct {
	issue func(context.Context, *acmpca.IssueCertificateInput) (*acmpca.IssueCertificateOutput, error)
	get   func(context.Context, *acmpca.GetCertificateInput) (*acmpca.GetCertificateOutput, error)
}

func (s *Service) privatePair(ctx context.Context, row *certificate, by pca) (*pair, error) {
	algorithm, err := s.Authorities.Signing(ctx, row.Authority)
	if err != nil {
		return nil, err
	}
	return newPair(row, func(csr []byte) (string, string, error) {
		made, err := by.issue(ctx, &acmpca.IssueCertificateInput{
			CertificateAuthorityArn: &row.Authority, Csr: []byte(x509ca.EncodeCSR(csr)), SigningAlgorithm: pcatypes.SigningAlgorithm(algorithm),
			Validity: &pcatypes.Validity{Type: pcatypes.ValidityPeriodTypeDays, Value: aws.Int64(privateDays)},
		})
		if err != nil {
			return "", "", err
		}
		got, err := by.get(ctx, &acmpca.GetCertificateInput{CertificateAuthorityArn: &row.Authority, CertificateArn: made.CertificateArn})
		if err != nil {
			return "", "", err
		}
		return *got.Certificate, aws.ToString(got.CertificateChain), nil
	})
}

// requestPrivate has the authority sign for the caller. A refusal fails the
// certificate, not the call, as at AWS; it tells why.
func (s *Service) requestPrivate(ctx context.Context, row *certificate) (*privateKey, error) {
	p, err := s.privatePair(ctx, row, pca{s.Authorities.IssueCertificate, s.Authorities.GetCertificate})
	if reason := failure(err); reason != "" {
		row.Status, row.Failure = string(types.CertificateStatusFailed), reason
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask the private CA: %w", err)
	}
	return row.take(p, s.Clock.Now()), nil
}

// failure is ACM's word for a refusal by AWS Private CA, "" for what is none.
func failure(err error) string {
	if _, denied := errors.AsType[*authz.Denied](err); denied {
		return string(types.FailureReasonPcaAccessDenied)
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer {
		return ""
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return string(types.FailureReasonPcaResourceNotFound)
	case "InvalidStateException":
		return string(types.FailureReasonPcaInvalidState)
	case "InvalidArnException":
		return string(types.FailureReasonPcaInvalidArn)
	case "InvalidArgsException":
		return string(types.FailureReasonPcaInvalidArgs)
	case "LimitExceededException":
		return string(types.FailureReasonPcaLimitExceeded)
	case "ValidationException":
		return string(types.FailureReasonPcaInvalidDuration)
	default:
		return string(types.FailureReasonPcaRequestFailed)
	}
}

package acm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxNames is how many names a certificate has (ACM User Guide, "Quotas").
	maxNames = 10
	// maxCommonName is how long the first name may be: it is the common name.
	maxCommonName = 64
	// tokenLife is how long an idempotency token counts (API Reference,
	// RequestCertificate).
	tokenLife = time.Hour
	// maxCertificates is how many an account has in a Region.
	maxCertificates = 2500
)

// RequestCertificate makes a certificate: a public one once its names are validated, a
// private one, of the authority that is named, at once.
func (s *Service) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput) (*acm.RequestCertificateOutput, error) {
	call := wire.CallFrom(ctx)
	row, err := s.newRequest(call.Account(), in)
	if err != nil {
		return nil, err
	}
	if old, err := s.repeated(ctx, row); err != nil || old != nil {
		return requested(old), err
	}
	var key *privateKey
	if row.Authority != "" {
		if key, err = s.requestPrivate(ctx, row); err != nil {
			return nil, err
		}
	}
	call.Made = append(call.Made, wire.Resource{ARN: row.arn(), Type: certificateType})
	if err := s.insert(ctx, row, key); err != nil {
		call.Made = nil
		return nil, err
	}
	s.fleet.Wake()
	return requested(row), nil
}

func requested(row *certificate) *acm.RequestCertificateOutput {
	if row == nil {
		return nil
	}
	return &acm.RequestCertificateOutput{CertificateArn: aws.String(row.arn())}
}

// insert stores a new certificate, and its key if it has one.
func (s *Service) insert(ctx context.Context, row *certificate, key *privateKey) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := room(tx, row.Account); err != nil {
			return err
		}
		row.Created = tx.Now()
		if err := s.begin(tx, row); err != nil {
			return err
		}
		if key != nil {
			if err := privateKeys.Insert(tx, key); err != nil {
				return err
			}
		}
		return certificates.Insert(tx, row)
	})
}

// room refuses an account more certificates than its quota.
func room(tx *store.Tx, account string) error {
	n := 0
	for _, err := range certificates.Scan(tx, store.Range{Prefix: store.K(account)}) {
		if err != nil {
			return err
		}
		if n++; n >= maxCertificates {
			return &types.LimitExceededException{Message: aws.String("Error: you have reached your limit of 2500 certificates. If you want to change the limit, please submit a request.")}
		}
	}
	return nil
}

// begin plans what is next of a new certificate.
func (s *Service) begin(tx *store.Tx, row *certificate) error {
	switch row.Status {
	case string(types.CertificateStatusPendingValidation):
		row.Due = tx.Now()
	case string(types.CertificateStatusIssued):
		row.Issued = tx.Now()
		if row.Kind != string(types.CertificateTypeImported) {
			if err := s.tell(tx, row, available, "ISSUANCE"); err != nil {
				return err
			}
		}
		return s.plan(tx, row)
	}
	return nil
}

// repeated is the certificate that the same request has made within the hour.
func (s *Service) repeated(ctx context.Context, row *certificate) (old *certificate, err error) {
	if row.Token == "" {
		return nil, nil
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		old = nil
		for c, err := range certificates.ScanIndex(tx, "token", store.Range{Prefix: store.K(row.Account, row.Token)}) {
			if err != nil {
				return err
			}
			if tx.Now().Sub(c.Created) < tokenLife && slices.Equal(c.Names, row.Names) && c.Authority == row.Authority {
				old = c
			}
		}
		return nil
	})
	return old, err
}

func (s *Service) newRequest(account string, in *acm.RequestCertificateInput) (*certificate, error) {
	row := &certificate{
		Account: account, ID: newID(), Region: s.Region, Domain: strings.ToLower(*in.DomainName), Status: string(types.CertificateStatusPendingValidation),
		Kind: string(types.CertificateTypeAmazonIssued), KeyAlgorithm: string(in.KeyAlgorithm), Authority: aws.ToString(in.CertificateAuthorityArn),
		Token: aws.ToString(in.IdempotencyToken), Logging: string(types.CertificateTransparencyLoggingPreferenceEnabled),
		Export: string(types.CertificateExportDisabled), ManagedBy: string(in.ManagedBy),
	}
	if row.KeyAlgorithm == "" {
		row.KeyAlgorithm = x509ca.RSA2048
	}
	if row.KeyAlgorithm == x509ca.RSA1024 {
		return nil, invalid("Key algorithm RSA_1024 is not supported for requested certificates.")
	}
	if o := in.Options; o != nil {
		if o.CertificateTransparencyLoggingPreference != "" {
			row.Logging = string(o.CertificateTransparencyLoggingPreference)
		}
		if o.Export != "" {
			row.Export = string(o.Export)
		}
	}
	if err := row.setNames(in.SubjectAlternativeNames); err != nil {
		return nil, err
	}
	var err error
	if row.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	return row, s.setValidation(row, in)
}

func (c *certificate) setNames(others []string) error {
	c.Names = []string{c.Domain}
	for _, n := range lower(others) {
		if !slices.Contains(c.Names, n) {
			c.Names = append(c.Names, n)
		}
	}
	if len(c.Names) > maxNames {
		return &types.LimitExceededException{Message: aws.String("Error: you have exceeded the number of domain names that a certificate can have.")}
	}
	if len(c.Domain) > maxCommonName {
		return invalid("The first domain name can have no more than 64 characters.")
	}
	return nil
}

// setValidation says how each name is to be proved.
func (s *Service) setValidation(row *certificate, in *acm.RequestCertificateInput) error {
	if row.Authority != "" {
		row.Kind = string(types.CertificateTypePrivate)
		if in.ValidationMethod != "" || len(in.DomainValidationOptions) > 0 {
			return invalid("A validation method cannot be specified for a private certificate.")
		}
		return nil
	}
	switch in.ValidationMethod {
	case types.ValidationMethodDns:
	case types.ValidationMethodHttp:
		if slices.ContainsFunc(row.Names, func(n string) bool { return strings.HasPrefix(n, "*.") }) {
			return invalid("HTTP validation is not supported for wildcard domain names.")
		}
	default: // where none is named, it is this one
		in.ValidationMethod = types.ValidationMethodEmail
	}
	for _, o := range in.DomainValidationOptions {
		if !slices.Contains(row.Names, strings.ToLower(*o.DomainName)) {
			return &types.InvalidDomainValidationOptionsException{Message: aws.String("The domain " + *o.DomainName + " is not one of the certificate's.")}
		}
	}
	for _, n := range row.Names {
		v := s.newValidation(row.Account, n, string(in.ValidationMethod))
		if in.ValidationMethod == types.ValidationMethodEmail {
			var err error
			if v, err = newMail(n, in.DomainValidationOptions); err != nil {
				return err
			}
		}
		row.Validations = append(row.Validations, v)
	}
	return nil
}

// newValidation is the proof of a name. It is the same for all certificates of an
// account that have the name, so that one record serves them all, and renewals.
func (s *Service) newValidation(account, name, method string) validation {
	base := strings.TrimPrefix(name, "*.")
	left, right := proof("name", account, base), proof("value", account, base)
	v := validation{Domain: name, Method: method, Name: "_" + left + "." + base + ".", Value: "_" + right + ".acm-validations.aws."}
	if method == string(types.ValidationMethodHttp) {
		v.Name, v.Value = "http://"+base+"/.well-known/pki-validation/"+left+".txt", right
	}
	return v
}

func proof(part, account, name string) string {
	sum := sha256.Sum256([]byte("acm " + part + " " + account + " " + name))
	return hex.EncodeToString(sum[:16])
}

// errName: a name is proved by nothing.
var errName = errors.New("the domain is not validated")

// proved looks whether what proves a name is there.
func (s *Service) proved(ctx context.Context, v *validation) error {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	if v.Method == string(types.ValidationMethodEmail) {
		return errName // an approval alone proves it
	}
	if v.Method == string(types.ValidationMethodHttp) {
		body, err := s.Fetcher.Fetch(ctx, v.Name)
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(body)) != v.Value {
			return errName
		}
		return nil
	}
	got, err := s.Resolver.LookupCNAME(ctx, v.Name)
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSuffix(got, "."), strings.TrimSuffix(v.Value, ".")) {
		return errName
	}
	return nil
}

// proofTimeout bounds one look.
const proofTimeout = 10 * time.Second

package acm

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// DescribeCertificate tells all of a certificate but its text.
func (s *Service) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput) (*acm.DescribeCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	return &acm.DescribeCertificateOutput{Certificate: row.detail()}, nil
}

func (c *certificate) detail() *types.CertificateDetail {
	d := &types.CertificateDetail{
		CertificateArn: aws.String(c.arn()), DomainName: &c.Domain, SubjectAlternativeNames: c.Names, Status: types.CertificateStatus(c.Status),
		Type: types.CertificateType(c.Kind), KeyAlgorithm: types.KeyAlgorithm(c.KeyAlgorithm), CreatedAt: &c.Created, NotBefore: date(c.NotBefore),
		NotAfter: date(c.NotAfter), RevokedAt: date(c.Revoked), RevocationReason: types.RevocationReason(c.Reason), FailureReason: types.FailureReason(c.Failure),
		CertificateAuthorityArn: text(c.Authority), RenewalEligibility: c.eligibility(), InUseBy: append([]string{}, c.InUse...),
		DomainValidationOptions: validationsAPI(c.Validations, true), ManagedBy: types.CertificateManagedBy(c.ManagedBy),
		Options: &types.CertificateOptions{CertificateTransparencyLoggingPreference: types.CertificateTransparencyLoggingPreference(c.Logging), Export: types.CertificateExport(c.Export)},
	}
	if c.Kind == string(types.CertificateTypeImported) {
		d.ImportedAt = date(c.Issued)
	} else {
		d.IssuedAt = date(c.Issued)
	}
	if r := c.Renewal; r != nil {
		d.RenewalSummary = &types.RenewalSummary{
			RenewalStatus: types.RenewalStatus(r.Status), RenewalStatusReason: types.FailureReason(r.Reason), UpdatedAt: &r.Updated,
			DomainValidationOptions: validationsAPI(r.Validations, c.Kind == string(types.CertificateTypeAmazonIssued)),
		}
	}
	if cert := c.parsed(); cert != nil {
		d.Serial, d.Subject, d.Issuer = aws.String(colons(cert.SerialNumber.Bytes())), aws.String(cert.Subject.String()), aws.String(issuerOf(cert))
		d.SignatureAlgorithm = aws.String(x509ca.SignatureName(cert.SignatureAlgorithm))
		for _, u := range usagesOf(cert) {
			d.KeyUsages = append(d.KeyUsages, types.KeyUsage{Name: u})
		}
		d.ExtendedKeyUsages = purposesOf(cert)
	}
	return d
}

// issuerOf is the organization that has issued a certificate, or its common name.
func issuerOf(c *x509.Certificate) string {
	if len(c.Issuer.Organization) > 0 {
		return c.Issuer.Organization[0]
	}
	return c.Issuer.CommonName
}

const hexDigits = "0123456789abcdef"

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

func validationsAPI(all []validation, public bool) []types.DomainValidation {
	if !public {
		return []types.DomainValidation{}
	}
	var out []types.DomainValidation
	for i := range all {
		v := &all[i]
		d := types.DomainValidation{
			DomainName: &v.Domain, ValidationDomain: &v.Domain, ValidationMethod: types.ValidationMethod(v.Method), ValidationStatus: types.DomainStatusPendingValidation,
		}
		if v.Done {
			d.ValidationStatus = types.DomainStatusSuccess
		}
		if v.Method == string(types.ValidationMethodEmail) {
			d.ValidationDomain, d.ValidationEmails = &v.Of, v.mailTo()
		} else if v.Method == string(types.ValidationMethodHttp) {
			d.HttpRedirect = &types.HttpRedirect{RedirectFrom: &v.Name, RedirectTo: &v.Value}
		} else {
			d.ResourceRecord = &types.ResourceRecord{Name: &v.Name, Type: types.RecordTypeCname, Value: &v.Value}
		}
		out = append(out, d)
	}
	return out
}

func (c *certificate) eligibility() types.RenewalEligibility {
	if c.renewable() {
		return types.RenewalEligibilityEligible
	}
	return types.RenewalEligibilityIneligible
}

func usagesOf(c *x509.Certificate) (out []types.KeyUsageName) {
	for _, u := range []struct {
		bit  x509.KeyUsage
		name types.KeyUsageName
	}{
		{x509.KeyUsageDigitalSignature, types.KeyUsageNameDigitalSignature},
		{x509.KeyUsageContentCommitment, types.KeyUsageNameNonRepudation},
		{x509.KeyUsageKeyEncipherment, types.KeyUsageNameKeyEncipherment},
		{x509.KeyUsageDataEncipherment, types.KeyUsageNameDataEncipherment},
		{x509.KeyUsageKeyAgreement, types.KeyUsageNameKeyAgreement},
		{x509.KeyUsageCertSign, types.KeyUsageNameCertificateSigning},
		{x509.KeyUsageCRLSign, types.KeyUsageNameCrlSigning},
		{x509.KeyUsageEncipherOnly, types.KeyUsageNameEnchiperOnly},
		{x509.KeyUsageDecipherOnly, types.KeyUsageNameDecipherOnly},
	} {
		if c.KeyUsage&u.bit != 0 {
			out = append(out, u.name)
		}
	}
	return out
}

// purposes are extended key usages by their object identifiers.
var purposes = map[string]types.ExtendedKeyUsageName{
	"1.3.6.1.5.5.7.3.1": types.ExtendedKeyUsageNameTlsWebServerAuthentication, "1.3.6.1.5.5.7.3.2": types.ExtendedKeyUsageNameTlsWebClientAuthentication,
	"1.3.6.1.5.5.7.3.3": types.ExtendedKeyUsageNameCodeSigning, "1.3.6.1.5.5.7.3.4": types.ExtendedKeyUsageNameEmailProtection,
	"1.3.6.1.5.5.7.3.8": types.ExtendedKeyUsageNameTimeStamping, "1.3.6.1.5.5.7.3.9": types.ExtendedKeyUsageNameOcspSigning,
	"1.3.6.1.5.5.7.3.5": types.ExtendedKeyUsageNameIpsecEndSystem, "1.3.6.1.5.5.7.3.6": types.ExtendedKeyUsageNameIpsecTunnel,
	"1.3.6.1.5.5.7.3.7": types.ExtendedKeyUsageNameIpsecUser, "2.5.29.37.0": types.ExtendedKeyUsageNameAny,
}

var extendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

func purposesOf(c *x509.Certificate) (out []types.ExtendedKeyUsage) {
	for _, e := range c.Extensions {
		var oids []asn1.ObjectIdentifier
		if !e.Id.Equal(extendedKeyUsage) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &oids); err != nil {
			return nil
		}
		for _, oid := range oids {
			name, ok := purposes[oid.String()]
			if !ok {
				name = types.ExtendedKeyUsageNameCustom
			}
			out = append(out, types.ExtendedKeyUsage{Name: name, OID: aws.String(oid.String())})
		}
	}
	return out
}

const (
	defaultPage = 1000
	listKind    = "acm.ListCertificates"
)

// ListCertificates lists the account's certificates, by the time of their creation.
func (s *Service) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput) (*acm.ListCertificatesOutput, error) {
	if (in.SortBy == "") != (in.SortOrder == "") {
		return nil, validation400("SortBy and SortOrder must be specified together.")
	}
	var after store.Key
	kind := listKind + string(in.SortOrder)
	if in.NextToken != nil {
		at, err := page.Position(kind, *in.NextToken)
		if errors.Is(err, page.ErrInvalid) {
			return nil, validation400("The NextToken is not valid.")
		}
		if err != nil {
			return nil, err
		}
		after = at
	}
	limit := defaultPage
	if in.MaxItems != nil {
		limit = int(*in.MaxItems)
	}
	out := &acm.ListCertificatesOutput{CertificateSummaryList: []types.CertificateSummary{}}
	account := wire.CallFrom(ctx).Account()
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		out.CertificateSummaryList, out.NextToken = out.CertificateSummaryList[:0], nil
		var last *certificate
		for row, err := range byAge(tx, account, after, in.SortOrder == types.SortOrderDescending) {
			if err != nil {
				return err
			}
			if !row.matches(in) {
				continue
			}
			if len(out.CertificateSummaryList) == limit {
				at := certificates.IndexAfter(store.K(account, last.Created), last)
				out.NextToken = aws.String(page.Token(kind, at))
				return nil
			}
			out.CertificateSummaryList = append(out.CertificateSummaryList, row.summary())
			last = row
		}
		return nil
	})
	return out, err
}

func byAge(tx *store.Tx, account string, after store.Key, reverse bool) iter.Seq2[*certificate, error] {
	return certificates.ScanIndex(tx, "created", store.Range{Prefix: store.K(account), After: after, Reverse: reverse})
}

// matches tells whether a certificate is among those asked for. Without a filter by
// key type only RSA keys up to 2048 bits are (API Reference, Filters).
func (c *certificate) matches(in *acm.ListCertificatesInput) bool {
	f := in.Includes
	if f == nil {
		f = &types.Filters{}
	}
	kinds := f.KeyTypes
	if len(kinds) == 0 {
		kinds = []types.KeyAlgorithm{types.KeyAlgorithmRsa1024, types.KeyAlgorithmRsa2048}
	}
	cert := c.parsed()
	if len(f.KeyUsage) > 0 && (cert == nil || !slices.ContainsFunc(usagesOf(cert), func(u types.KeyUsageName) bool { return slices.Contains(f.KeyUsage, u) })) {
		return false
	}
	if len(f.ExtendedKeyUsage) > 0 && (cert == nil || !slices.ContainsFunc(purposesOf(cert), func(u types.ExtendedKeyUsage) bool { return slices.Contains(f.ExtendedKeyUsage, u.Name) })) {
		return false
	}
	return isIn(types.CertificateStatus(c.Status), in.CertificateStatuses) && isIn(types.KeyAlgorithm(c.KeyAlgorithm), kinds) &&
		(f.ExportOption == "" || string(f.ExportOption) == c.Export) && (f.ManagedBy == "" || string(f.ManagedBy) == c.ManagedBy)
}

func (c *certificate) summary() types.CertificateSummary {
	out := types.CertificateSummary{
		CertificateArn: aws.String(c.arn()), DomainName: &c.Domain, SubjectAlternativeNameSummaries: c.Names, HasAdditionalSubjectAlternativeNames: aws.Bool(false),
		Status: types.CertificateStatus(c.Status), Type: types.CertificateType(c.Kind), KeyAlgorithm: types.KeyAlgorithm(c.KeyAlgorithm),
		ExportOption: types.CertificateExport(c.Export), InUse: aws.Bool(len(c.InUse) > 0), RenewalEligibility: c.eligibility(),
		NotBefore: date(c.NotBefore), NotAfter: date(c.NotAfter), CreatedAt: &c.Created, RevokedAt: date(c.Revoked), ManagedBy: types.CertificateManagedBy(c.ManagedBy),
	}
	if c.Kind == string(types.CertificateTypeImported) {
		out.ImportedAt = date(c.Issued)
	} else {
		out.IssuedAt = date(c.Issued)
		out.Exported = aws.Bool(!c.Exported.IsZero())
	}
	if cert := c.parsed(); cert != nil {
		out.KeyUsages = usagesOf(cert)
		for _, p := range purposesOf(cert) {
			out.ExtendedKeyUsages = append(out.ExtendedKeyUsages, p.Name)
		}
	}
	return out
}

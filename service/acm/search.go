package acm

import (
	"cmp"
	"context"
	"crypto/x509/pkix"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	searchPage = 100
	searchKind = "acm.SearchCertificates"
)

// Unions are the API's.
func (s *Service) Unions() []wire.UnionType {
	return []wire.UnionType{
		wire.Union[types.CertificateFilterStatement](
			(*types.CertificateFilterStatementMemberAnd)(nil), (*types.CertificateFilterStatementMemberOr)(nil),
			(*types.CertificateFilterStatementMemberNot)(nil), (*types.CertificateFilterStatementMemberFilter)(nil),
		),
		wire.Union[types.CertificateFilter](
			(*types.CertificateFilterMemberCertificateArn)(nil), (*types.CertificateFilterMemberX509AttributeFilter)(nil),
			(*types.CertificateFilterMemberAcmCertificateMetadataFilter)(nil),
		),
		wire.Union[types.AcmCertificateMetadataFilter](
			(*types.AcmCertificateMetadataFilterMemberStatus)(nil), (*types.AcmCertificateMetadataFilterMemberRenewalStatus)(nil),
			(*types.AcmCertificateMetadataFilterMemberType)(nil), (*types.AcmCertificateMetadataFilterMemberInUse)(nil),
			(*types.AcmCertificateMetadataFilterMemberExported)(nil), (*types.AcmCertificateMetadataFilterMemberExportOption)(nil),
			(*types.AcmCertificateMetadataFilterMemberManagedBy)(nil), (*types.AcmCertificateMetadataFilterMemberValidationMethod)(nil),
		),
		wire.Union[types.X509AttributeFilter](
			(*types.X509AttributeFilterMemberSubject)(nil), (*types.X509AttributeFilterMemberSubjectAlternativeName)(nil),
			(*types.X509AttributeFilterMemberExtendedKeyUsage)(nil), (*types.X509AttributeFilterMemberKeyUsage)(nil),
			(*types.X509AttributeFilterMemberKeyAlgorithm)(nil), (*types.X509AttributeFilterMemberSerialNumber)(nil),
			(*types.X509AttributeFilterMemberNotAfter)(nil), (*types.X509AttributeFilterMemberNotBefore)(nil),
		),
		wire.Union[types.SubjectFilter]((*types.SubjectFilterMemberCommonName)(nil)),
		wire.Union[types.SubjectAlternativeNameFilter]((*types.SubjectAlternativeNameFilterMemberDnsName)(nil)),
		wire.Union[types.CertificateMetadata]((*types.CertificateMetadataMemberAcmCertificateMetadata)(nil)),
		wire.Union[types.GeneralName](
			(*types.GeneralNameMemberDirectoryName)(nil), (*types.GeneralNameMemberDnsName)(nil), (*types.GeneralNameMemberIpAddress)(nil),
			(*types.GeneralNameMemberOtherName)(nil), (*types.GeneralNameMemberRegisteredId)(nil), (*types.GeneralNameMemberRfc822Name)(nil),
			(*types.GeneralNameMemberUniformResourceIdentifier)(nil),
		),
	}
}

// SearchCertificates lists the account's certificates that a statement describes.
func (s *Service) SearchCertificates(ctx context.Context, in *acm.SearchCertificatesInput) (*acm.SearchCertificatesOutput, error) {
	from, limit := 0, searchPage
	kind := searchKind + string(in.SortBy) + string(in.SortOrder)
	if in.NextToken != nil {
		at, err := page.Position(kind, *in.NextToken)
		if err == nil {
			from, err = strconv.Atoi(string(at))
		}
		if err != nil || from < 0 {
			return nil, validation400("The NextToken is not valid.")
		}
	}
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	var found []*certificate
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		all, err := store.Collect(certificates.ScanIndex(tx, "created", store.Range{Prefix: store.K(wire.CallFrom(ctx).Account())}))
		found = slices.DeleteFunc(all, func(c *certificate) bool { return !c.satisfies(in.FilterStatement) })
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, orderOf(in.SortBy))
	if in.SortOrder == types.SearchCertificatesSortOrderDescending {
		slices.Reverse(found)
	}
	from = min(from, len(found))
	to := min(len(found), from+limit)
	out := &acm.SearchCertificatesOutput{Results: []types.CertificateSearchResult{}}
	for _, c := range found[from:to] {
		out.Results = append(out.Results, c.result())
	}
	if to < len(found) {
		out.NextToken = aws.String(page.Token(kind, []byte(strconv.Itoa(to))))
	}
	return out, nil
}

// orderOf compares by what is asked for; by age where nothing is.
func orderOf(by types.SearchCertificatesSortBy) func(a, b *certificate) int {
	text := map[types.SearchCertificatesSortBy]func(*certificate) string{
		types.SearchCertificatesSortByStatus:             func(c *certificate) string { return c.Status },
		types.SearchCertificatesSortByKeyAlgorithm:       func(c *certificate) string { return c.KeyAlgorithm },
		types.SearchCertificatesSortByType:               func(c *certificate) string { return c.Kind },
		types.SearchCertificatesSortByCertificateArn:     (*certificate).arn,
		types.SearchCertificatesSortByCommonName:         func(c *certificate) string { return c.Domain },
		types.SearchCertificatesSortByManagedBy:          func(c *certificate) string { return c.ManagedBy },
		types.SearchCertificatesSortByExportOption:       func(c *certificate) string { return c.Export },
		types.SearchCertificatesSortByValidationMethod:   (*certificate).method,
		types.SearchCertificatesSortByRenewalStatus:      (*certificate).renewalStatus,
		types.SearchCertificatesSortByRenewalEligibility: func(c *certificate) string { return string(c.eligibility()) },
		types.SearchCertificatesSortByInUse:              func(c *certificate) string { return strconv.FormatBool(len(c.InUse) > 0) },
		types.SearchCertificatesSortByExported:           func(c *certificate) string { return strconv.FormatBool(!c.Exported.IsZero()) },
	}
	if of, ok := text[by]; ok {
		return func(a, b *certificate) int { return cmp.Compare(of(a), of(b)) }
	}
	return func(a, b *certificate) int { return timeOf(by, a).Compare(timeOf(by, b)) }
}

func timeOf(by types.SearchCertificatesSortBy, c *certificate) time.Time {
	switch by {
	case types.SearchCertificatesSortByNotAfter:
		return c.NotAfter
	case types.SearchCertificatesSortByNotBefore:
		return c.NotBefore
	case types.SearchCertificatesSortByRevokedAt:
		return c.Revoked
	case types.SearchCertificatesSortByIssuedAt, types.SearchCertificatesSortByImportedAt:
		return c.Issued
	default:
		return c.Created
	}
}

func (c *certificate) method() string {
	if len(c.Validations) == 0 {
		return ""
	}
	return c.Validations[0].Method
}

func (c *certificate) renewalStatus() string {
	if c.Renewal == nil {
		return ""
	}
	return c.Renewal.Status
}

// satisfies tells whether a statement is true of the certificate; none is true of all.
func (c *certificate) satisfies(st types.CertificateFilterStatement) bool {
	switch f := st.(type) {
	case *types.CertificateFilterStatementMemberAnd:
		return !slices.ContainsFunc(f.Value, func(p types.CertificateFilterStatement) bool { return !c.satisfies(p) })
	case *types.CertificateFilterStatementMemberOr:
		return slices.ContainsFunc(f.Value, c.satisfies)
	case *types.CertificateFilterStatementMemberNot:
		return !c.satisfies(f.Value)
	case *types.CertificateFilterStatementMemberFilter:
		return c.fits(f.Value)
	}
	return true
}

func (c *certificate) fits(f types.CertificateFilter) bool {
	switch f := f.(type) {
	case *types.CertificateFilterMemberCertificateArn:
		return f.Value == c.arn()
	case *types.CertificateFilterMemberAcmCertificateMetadataFilter:
		return c.fitsMetadata(f.Value)
	case *types.CertificateFilterMemberX509AttributeFilter:
		return c.fitsAttribute(f.Value)
	}
	return false
}

func (c *certificate) fitsMetadata(f types.AcmCertificateMetadataFilter) bool {
	switch f := f.(type) {
	case *types.AcmCertificateMetadataFilterMemberStatus:
		return string(f.Value) == c.Status
	case *types.AcmCertificateMetadataFilterMemberRenewalStatus:
		return string(f.Value) == c.renewalStatus()
	case *types.AcmCertificateMetadataFilterMemberType:
		return string(f.Value) == c.Kind
	case *types.AcmCertificateMetadataFilterMemberInUse:
		return f.Value == (len(c.InUse) > 0)
	case *types.AcmCertificateMetadataFilterMemberExported:
		return f.Value == !c.Exported.IsZero()
	case *types.AcmCertificateMetadataFilterMemberExportOption:
		return string(f.Value) == c.Export
	case *types.AcmCertificateMetadataFilterMemberManagedBy:
		return string(f.Value) == c.ManagedBy
	case *types.AcmCertificateMetadataFilterMemberValidationMethod:
		return string(f.Value) == c.method()
	}
	return false
}

func (c *certificate) fitsAttribute(f types.X509AttributeFilter) bool {
	switch f := f.(type) {
	case *types.X509AttributeFilterMemberKeyAlgorithm:
		return string(f.Value) == c.KeyAlgorithm
	case *types.X509AttributeFilterMemberNotAfter:
		return within(c.NotAfter, &f.Value)
	case *types.X509AttributeFilterMemberNotBefore:
		return within(c.NotBefore, &f.Value)
	case *types.X509AttributeFilterMemberSubjectAlternativeName:
		n, ok := f.Value.(*types.SubjectAlternativeNameFilterMemberDnsName)
		return ok && slices.ContainsFunc(c.Names, func(have string) bool { return compare(n.Value.ComparisonOperator, have, *n.Value.Value) })
	case *types.X509AttributeFilterMemberSubject:
		n, ok := f.Value.(*types.SubjectFilterMemberCommonName)
		return ok && compare(n.Value.ComparisonOperator, c.Domain, *n.Value.Value)
	}
	cert := c.parsed()
	if cert == nil {
		return false
	}
	switch f := f.(type) {
	case *types.X509AttributeFilterMemberSerialNumber:
		return f.Value == colons(cert.SerialNumber.Bytes())
	case *types.X509AttributeFilterMemberKeyUsage:
		return slices.Contains(usagesOf(cert), f.Value)
	case *types.X509AttributeFilterMemberExtendedKeyUsage:
		return slices.ContainsFunc(purposesOf(cert), func(u types.ExtendedKeyUsage) bool { return u.Name == f.Value })
	}
	return false
}

func within(t time.Time, r *types.TimestampRange) bool {
	return !t.IsZero() && (r.Start == nil || !t.Before(*r.Start)) && (r.End == nil || !t.After(*r.End))
}

func compare(how types.ComparisonOperator, have, want string) bool {
	have, want = strings.ToLower(have), strings.ToLower(want)
	return have == want || how == types.ComparisonOperatorContains && strings.Contains(have, want)
}

// result is the certificate as a search shows it.
func (c *certificate) result() types.CertificateSearchResult {
	sum := c.summary()
	m := types.AcmCertificateMetadata{
		CreatedAt: sum.CreatedAt, Exported: sum.Exported, ImportedAt: sum.ImportedAt, InUse: sum.InUse, IssuedAt: sum.IssuedAt, RenewalEligibility: sum.RenewalEligibility,
		RevokedAt: sum.RevokedAt, Status: sum.Status, RenewalStatus: types.RenewalStatus(c.renewalStatus()), Type: sum.Type, ExportOption: sum.ExportOption,
		ManagedBy: sum.ManagedBy, ValidationMethod: types.ValidationMethod(c.method()),
	}
	out := types.CertificateSearchResult{CertificateArn: sum.CertificateArn, CertificateMetadata: &types.CertificateMetadataMemberAcmCertificateMetadata{Value: m}}
	x := &types.X509Attributes{KeyAlgorithm: sum.KeyAlgorithm, KeyUsages: sum.KeyUsages, ExtendedKeyUsages: sum.ExtendedKeyUsages, NotAfter: sum.NotAfter, NotBefore: sum.NotBefore}
	for _, n := range c.Names {
		x.SubjectAlternativeNames = append(x.SubjectAlternativeNames, &types.GeneralNameMemberDnsName{Value: n})
	}
	if cert := c.parsed(); cert != nil {
		x.SerialNumber = aws.String(colons(cert.SerialNumber.Bytes()))
		x.Subject, x.Issuer = distinguished(&cert.Subject), distinguished(&cert.Issuer)
	}
	out.X509Attributes = x
	return out
}

func distinguished(n *pkix.Name) *types.DistinguishedName {
	first := func(list []string) *string {
		if len(list) == 0 {
			return nil
		}
		return &list[0]
	}
	return &types.DistinguishedName{
		CommonName: text(n.CommonName), Country: first(n.Country), Organization: first(n.Organization), OrganizationalUnit: first(n.OrganizationalUnit),
		Locality: first(n.Locality), State: first(n.Province), SerialNumber: text(n.SerialNumber),
	}
}

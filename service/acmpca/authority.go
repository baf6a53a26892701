package acmpca

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxAuthorities is how many an account has in a Region (AWS Private CA quotas).
const maxAuthorities = 200

// CreateCertificateAuthority makes an authority, its key and its signing request. It
// waits for a certificate.
func (s *Service) CreateCertificateAuthority(ctx context.Context, in *acmpca.CreateCertificateAuthorityInput) (*acmpca.CreateCertificateAuthorityOutput, error) {
	call := wire.CallFrom(ctx)
	row, err := s.newAuthority(call.Account(), in)
	if err != nil {
		return nil, err
	}
	if old, err := s.made(ctx, row); err != nil || old != nil {
		return created(old), err
	}
	key, err := row.newKey()
	if err != nil {
		return nil, err
	}
	call.Made = append(call.Made, wire.Resource{ARN: row.arn(), Type: authorityType})
	if err = s.keep(ctx, row, key); err != nil {
		call.Made = nil
		return nil, err
	}
	return created(row), nil
}

func created(row *authority) *acmpca.CreateCertificateAuthorityOutput {
	if row == nil {
		return nil
	}
	return &acmpca.CreateCertificateAuthorityOutput{CertificateAuthorityArn: aws.String(row.arn())}
}

// keep stores a new authority and its key.
func (s *Service) keep(ctx context.Context, row *authority, key *privateKey) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		n := 0
		for _, err := range authorities.Scan(tx, store.Range{Prefix: store.K(row.Account)}) {
			if err != nil {
				return err
			}
			if n++; n >= maxAuthorities {
				return limitExceeded("The limit of certificate authorities has been reached.")
			}
		}
		row.Created, row.Changed = tx.Now(), tx.Now()
		if err := authorities.Insert(tx, row); err != nil {
			return err
		}
		return privateKeys.Insert(tx, key)
	})
}

// made is the authority that a call with the same token has just made.
func (s *Service) made(ctx context.Context, row *authority) (old *authority, err error) {
	if row.Token == "" {
		return nil, nil
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		old = nil
		for a, err := range authorities.ScanIndex(tx, "token", store.Range{Prefix: store.K(row.Account, row.Token)}) {
			if err != nil {
				return err
			}
			if tx.Now().Sub(a.Created) < tokenLife {
				old = a
			}
		}
		return nil
	})
	return old, err
}

func (s *Service) newAuthority(account string, in *acmpca.CreateCertificateAuthorityInput) (*authority, error) {
	c := in.CertificateAuthorityConfiguration
	row := &authority{
		Account: account, ID: newID(), Region: s.Region, Root: in.CertificateAuthorityType == types.CertificateAuthorityTypeRoot,
		Short:        in.UsageMode == types.CertificateAuthorityUsageModeShortLivedCertificate,
		KeyAlgorithm: string(c.KeyAlgorithm), Signing: string(c.SigningAlgorithm), Standard: string(in.KeyStorageSecurityStandard),
		Token: aws.ToString(in.IdempotencyToken),
	}
	if strings.HasPrefix(row.KeyAlgorithm, "ML_DSA") || row.KeyAlgorithm == "SM2" {
		return nil, notImplemented("The key algorithm " + row.KeyAlgorithm)
	}
	if _, err := x509ca.Signature(row.Signing, row.KeyAlgorithm); err != nil {
		return nil, invalidArgs("The signing algorithm %s does not go with the key algorithm %s.", row.Signing, row.KeyAlgorithm)
	}
	var err error
	if row.Subject, err = attributesOf(c.Subject); err != nil {
		return nil, err
	}
	if err = row.setExtensions(c.CsrExtensions); err != nil {
		return nil, err
	}
	if row.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	return row, row.setRevocation(in.RevocationConfiguration)
}

// setExtensions takes what the signing request is to ask for.
func (a *authority) setExtensions(e *types.CsrExtensions) error {
	if e == nil {
		return nil
	}
	if e.KeyUsage != nil {
		a.Usage = aws.Int(int(usageOf(e.KeyUsage)))
	}
	for _, d := range e.SubjectInformationAccess {
		where, err := nameOf(d.AccessLocation)
		if err != nil {
			return err
		}
		one := access{Method: string(d.AccessMethod.AccessMethodType), Where: where}
		if id := aws.ToString(d.AccessMethod.CustomObjectIdentifier); id != "" {
			if _, err := x509ca.ParseOID(id); err != nil || one.Method != "" {
				return invalidArgs("An access method is either a type or an object identifier.")
			}
			one.Method, one.Custom = id, true
		}
		if one.Method == "" {
			return invalidArgs("An access method is either a type or an object identifier.")
		}
		a.Access = append(a.Access, one)
	}
	return nil
}

// accessMethods are the methods that the API has names for (RFC 5280 §4.2.2.2, RFC
// 6487 §4.8.8.1, RFC 8182 §3.2).
var accessMethods = map[string]asn1.ObjectIdentifier{
	"CA_REPOSITORY": {1, 3, 6, 1, 5, 5, 7, 48, 5}, "RESOURCE_PKI_MANIFEST": {1, 3, 6, 1, 5, 5, 7, 48, 10}, "RESOURCE_PKI_NOTIFY": {1, 3, 6, 1, 5, 5, 7, 48, 13},
}

// newKey makes the authority's key, and with it the signing request.
func (a *authority) newKey() (*privateKey, error) {
	key, err := x509ca.Generate(a.KeyAlgorithm)
	if err != nil {
		return nil, err
	}
	if a.CSR, err = a.newCSR(key); err != nil {
		return nil, err
	}
	if a.KeyHashes, err = x509ca.KeyHashes(key.Public()); err != nil {
		return nil, err
	}
	der, err := x509ca.MarshalKey(key)
	return &privateKey{Account: a.Account, ID: a.ID, DER: der}, err
}

func (a *authority) newCSR(key crypto.Signer) ([]byte, error) {
	algorithm, err := x509ca.Signature(a.Signing, a.KeyAlgorithm)
	if err != nil {
		return nil, err
	}
	r := &x509ca.Signing{Signature: algorithm}
	if r.Subject, err = x509ca.Name(a.Subject); err != nil {
		return nil, err
	}
	if r.Extensions, err = a.extensions(); err != nil {
		return nil, err
	}
	return x509ca.CSR(key, r)
}

func (a *authority) extensions() (out []pkix.Extension, err error) {
	if a.Usage != nil && *a.Usage != 0 {
		e, err := x509ca.Usage(keyUsage(*a.Usage))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if len(a.Access) == 0 {
		return out, nil
	}
	var all []x509ca.Description
	for _, d := range a.Access {
		one := x509ca.Description{Method: accessMethods[d.Method]}
		if d.Custom {
			if one.Method, err = x509ca.ParseOID(d.Method); err != nil {
				return nil, err
			}
		}
		if one.Location, err = d.Where.encode(); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	e, err := x509ca.SubjectAccess(all)
	return append(out, e), err
}

// DescribeCertificateAuthority tells all of an authority but its certificate.
func (s *Service) DescribeCertificateAuthority(ctx context.Context, in *acmpca.DescribeCertificateAuthorityInput) (*acmpca.DescribeCertificateAuthorityOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	return &acmpca.DescribeCertificateAuthorityOutput{CertificateAuthority: row.api(s.Clock.Now())}, nil
}

func (a *authority) api(now time.Time) *types.CertificateAuthority {
	out := &types.CertificateAuthority{
		Arn: aws.String(a.arn()), OwnerAccount: aws.String(a.Account), CreatedAt: &a.Created, LastStateChangeAt: &a.Changed,
		Type: types.CertificateAuthorityTypeSubordinate, Status: a.state(now), KeyStorageSecurityStandard: types.KeyStorageSecurityStandard(a.Standard),
		UsageMode: types.CertificateAuthorityUsageModeGeneralPurpose, RestorableUntil: date(a.Until), NotBefore: date(a.NotBefore), NotAfter: date(a.NotAfter),
		CertificateAuthorityConfiguration: a.configuration(), RevocationConfiguration: a.revocation(), Serial: text(a.serial()),
	}
	if a.Root {
		out.Type = types.CertificateAuthorityTypeRoot
	}
	if a.Short {
		out.UsageMode = types.CertificateAuthorityUsageModeShortLivedCertificate
	}
	if a.Standard == "" {
		out.KeyStorageSecurityStandard = types.KeyStorageSecurityStandardFips1402Level3OrHigher
	}
	return out
}

func (a *authority) configuration() *types.CertificateAuthorityConfiguration {
	c := &types.CertificateAuthorityConfiguration{
		KeyAlgorithm: types.KeyAlgorithm(a.KeyAlgorithm), SigningAlgorithm: types.SigningAlgorithm(a.Signing), Subject: subjectOf(a.Subject),
	}
	if a.Usage == nil && len(a.Access) == 0 {
		return c
	}
	c.CsrExtensions = &types.CsrExtensions{}
	if a.Usage != nil {
		c.CsrExtensions.KeyUsage = usageAPI(keyUsage(*a.Usage))
	}
	for _, d := range a.Access {
		m := &types.AccessMethod{AccessMethodType: types.AccessMethodType(d.Method)}
		if d.Custom {
			m = &types.AccessMethod{CustomObjectIdentifier: aws.String(d.Method)}
		}
		c.CsrExtensions.SubjectInformationAccess = append(c.CsrExtensions.SubjectInformationAccess, types.AccessDescription{
			AccessMethod: m, AccessLocation: d.Where.api(),
		})
	}
	return c
}

// date is nil for a time that has not come about.
func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const defaultPage = 1000

// ListCertificateAuthorities lists the caller's authorities, or those of others that
// their policies let the caller see.
func (s *Service) ListCertificateAuthorities(ctx context.Context, in *acmpca.ListCertificateAuthoritiesInput) (*acmpca.ListCertificateAuthoritiesOutput, error) {
	const kind = "acmpca.ListCertificateAuthorities"
	out := &acmpca.ListCertificateAuthoritiesOutput{CertificateAuthorities: []types.CertificateAuthority{}}
	if in.ResourceOwner == types.ResourceOwnerOtherAccounts {
		return out, nil // shares are made by RAM, which is not served
	}
	after, err := position(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := limitOf(in.MaxResults)
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		out.CertificateAuthorities, out.NextToken = out.CertificateAuthorities[:0], nil
		var last store.Key
		for row, err := range authorities.Scan(tx, store.Range{Prefix: store.K(wire.CallFrom(ctx).Account()), After: after}) {
			switch {
			case err != nil:
				return err
			case row.gone(tx.Now()):
			case len(out.CertificateAuthorities) == limit:
				out.NextToken = aws.String(page.Token(kind, last))
				return nil
			default:
				out.CertificateAuthorities = append(out.CertificateAuthorities, *row.api(tx.Now()))
				last = store.K(row.Account, row.ID)
			}
		}
		return nil
	})
	return out, err
}

func limitOf(given *int32) int {
	if given == nil {
		return defaultPage
	}
	return int(*given)
}

func position(kind string, token *string) (store.Key, error) {
	if token == nil {
		return nil, nil
	}
	after, err := page.Position(kind, *token)
	if errors.Is(err, page.ErrInvalid) {
		return nil, invalidToken()
	}
	return after, err
}

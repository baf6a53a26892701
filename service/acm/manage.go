package acm

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
)

// DeleteCertificate deletes a certificate that nothing uses, and its key.
func (s *Service) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput) (*acm.DeleteCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		now, err := certificates.Get(tx, row.Account, row.ID)
		if err != nil {
			return err
		}
		if len(now.InUse) > 0 {
			return &types.ResourceInUseException{Message: aws.String("Certificate " + row.arn() + " in account " + row.Account + " is in use.")}
		}
		if err := privateKeys.Drop(tx, row.Account, row.ID); err != nil {
			return err
		}
		return certificates.Delete(tx, row.Account, row.ID)
	})
	s.tellChanged()
	return &acm.DeleteCertificateOutput{}, err
}

// UpdateCertificateOptions says anew whether a certificate is logged, and may be
// exported.
func (s *Service) UpdateCertificateOptions(ctx context.Context, in *acm.UpdateCertificateOptionsInput) (*acm.UpdateCertificateOptionsOutput, error) {
	err := s.edit(ctx, *in.CertificateArn, func(_ *store.Tx, row *certificate) error {
		if row.Kind == string(types.CertificateTypeImported) {
			return invalidState("The options of an imported certificate cannot be updated.")
		}
		if p := in.Options.CertificateTransparencyLoggingPreference; p != "" {
			row.Logging = string(p)
		}
		if e := in.Options.Export; e != "" {
			if e == types.CertificateExportDisabled && row.Export == string(types.CertificateExportEnabled) && !row.Exported.IsZero() {
				return invalidState("Export cannot be disabled for a certificate that has been exported.")
			}
			row.Export = string(e)
		}
		return nil
	})
	return &acm.UpdateCertificateOptionsOutput{}, err
}

// RenewCertificate has a certificate renewed now that ACM would renew later.
func (s *Service) RenewCertificate(ctx context.Context, in *acm.RenewCertificateInput) (*acm.RenewCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	switch {
	case len(row.DER) == 0:
		return nil, inProgress(row.arn())
	case !row.renewable():
		return nil, validation400("Certificate %s is not eligible for renewal.", row.arn())
	}
	return &acm.RenewCertificateOutput{}, s.renew(ctx, row)
}

// RevokeCertificate revokes a public certificate that was exported. It ends with it.
func (s *Service) RevokeCertificate(ctx context.Context, in *acm.RevokeCertificateInput) (*acm.RevokeCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	switch _, ok := x509ca.Reason(string(in.RevocationReason)); {
	case !ok:
		return nil, invalid("The revocation reason %s is not supported.", in.RevocationReason)
	case len(row.InUse) > 0:
		return nil, &types.ResourceInUseException{Message: aws.String("Certificate " + row.arn() + " in account " + row.Account + " is in use.")}
	case row.Status != string(types.CertificateStatusIssued) || row.Kind != string(types.CertificateTypeAmazonIssued) || row.Exported.IsZero():
		return nil, &types.ConflictException{Message: aws.String("Only a public certificate that is issued and has been exported can be revoked.")}
	}
	if err := s.Public.RevokePublic(ctx, row.Serial, string(in.RevocationReason)); err != nil {
		return nil, err
	}
	err = s.edit(ctx, row.arn(), func(tx *store.Tx, row *certificate) error {
		row.Status, row.Revoked, row.Reason, row.Due = string(types.CertificateStatusRevoked), tx.Now(), string(in.RevocationReason), time.Time{}
		return s.tell(tx, row, revoked, "REVOCATION")
	})
	s.tellChanged()
	return &acm.RevokeCertificateOutput{CertificateArn: in.CertificateArn}, err
}

// GetCertificate returns a certificate and its chain.
func (s *Service) GetCertificate(ctx context.Context, in *acm.GetCertificateInput) (*acm.GetCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if len(row.DER) == 0 {
		return nil, inProgress(row.arn())
	}
	return &acm.GetCertificateOutput{Certificate: aws.String(x509ca.EncodePEM(row.DER)), CertificateChain: text(row.Chain)}, nil
}

// ExportCertificate returns a certificate and its key, sealed under a passphrase.
func (s *Service) ExportCertificate(ctx context.Context, in *acm.ExportCertificateInput) (*acm.ExportCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	switch {
	case row.Kind == string(types.CertificateTypeImported), row.Kind == string(types.CertificateTypeAmazonIssued) && row.Export != string(types.CertificateExportEnabled):
		return nil, validation400("The certificate %s cannot be exported: only private certificates and exportable public certificates can be.", row.arn())
	case len(row.DER) == 0:
		return nil, inProgress(row.arn())
	}
	var key *privateKey
	err = s.edit(ctx, row.arn(), func(tx *store.Tx, now *certificate) (err error) {
		row = now
		if key, err = privateKeys.Get(tx, now.Account, now.ID); err != nil {
			return err
		}
		now.Exported = tx.Now()
		return s.replan(tx, now)
	})
	if err != nil {
		return nil, err
	}
	s.fleet.Wake()
	signer, err := x509ca.ParseKey(key.DER)
	if err != nil {
		return nil, err
	}
	sealed, err := x509ca.SealKey(signer, in.Passphrase)
	return &acm.ExportCertificateOutput{Certificate: aws.String(x509ca.EncodePEM(row.DER)), CertificateChain: text(row.Chain), PrivateKey: &sealed}, err
}

// parsed is the certificate, nil before there is one.
func (c *certificate) parsed() *x509.Certificate {
	if len(c.DER) == 0 {
		return nil
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil
	}
	return cert
}

// isIn tells whether v is in the list, or the list is empty.
func isIn[T comparable](v T, list []T) bool { return len(list) == 0 || slices.Contains(list, v) }

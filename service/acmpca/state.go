package acmpca

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

const day = 24 * time.Hour

// defaultWindow is how long a deleted authority can be restored unless asked otherwise.
const defaultWindow = 30

// UpdateCertificateAuthority enables or disables an authority, and says anew how its
// certificates' revocation is told.
func (s *Service) UpdateCertificateAuthority(ctx context.Context, in *acmpca.UpdateCertificateAuthorityInput) (*acmpca.UpdateCertificateAuthorityOutput, error) {
	switch in.Status {
	case "", types.CertificateAuthorityStatusActive, types.CertificateAuthorityStatusDisabled:
	default:
		return nil, invalidArgs("The status of a certificate authority can be set to ACTIVE or DISABLED only.")
	}
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(tx *store.Tx, row *authority) error {
		switch row.state(tx.Now()) {
		case types.CertificateAuthorityStatusActive, types.CertificateAuthorityStatusDisabled:
		default:
			return row.wrongState(tx.Now())
		}
		if disabled := in.Status == types.CertificateAuthorityStatusDisabled; in.Status != "" && disabled != row.Disabled {
			row.Disabled, row.Changed = disabled, tx.Now()
		}
		if in.RevocationConfiguration == nil {
			return nil
		}
		if err := row.setRevocation(in.RevocationConfiguration); err != nil {
			return err
		}
		row.planList(tx.Now())
		return nil
	})
	s.worker.Wake()
	return &acmpca.UpdateCertificateAuthorityOutput{}, err
}

// DeleteCertificateAuthority deletes an authority that is not active. It can be
// restored for a while.
func (s *Service) DeleteCertificateAuthority(ctx context.Context, in *acmpca.DeleteCertificateAuthorityInput) (*acmpca.DeleteCertificateAuthorityOutput, error) {
	days := defaultWindow
	if in.PermanentDeletionTimeInDays != nil {
		days = int(*in.PermanentDeletionTimeInDays)
	}
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(tx *store.Tx, row *authority) error {
		if st := row.state(tx.Now()); st == types.CertificateAuthorityStatusActive || st == types.CertificateAuthorityStatusDeleted {
			return row.wrongState(tx.Now())
		}
		row.Until, row.Changed = tx.Now().Add(time.Duration(days)*day), tx.Now()
		row.CRL.DueAt = time.Time{}
		return nil
	})
	s.worker.Wake()
	return &acmpca.DeleteCertificateAuthorityOutput{}, err
}

// RestoreCertificateAuthority takes a deletion back. The authority is then in the
// state that it was deleted in.
func (s *Service) RestoreCertificateAuthority(ctx context.Context, in *acmpca.RestoreCertificateAuthorityInput) (*acmpca.RestoreCertificateAuthorityOutput, error) {
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(tx *store.Tx, row *authority) error {
		if row.Until.IsZero() {
			return row.wrongState(tx.Now())
		}
		row.Until, row.Changed = time.Time{}, tx.Now()
		row.planList(tx.Now())
		return nil
	})
	s.worker.Wake()
	return &acmpca.RestoreCertificateAuthorityOutput{}, err
}

func ended(a *authority) time.Time { return a.Until }

// destroyed is how many certificates of an authority are destroyed in one transaction.
const destroyed = 1000

// destroy ends an authority whose restoration period has passed: its key goes first.
func (s *Service) destroy(ctx context.Context, due *authority) error {
	for more := true; more; {
		err := s.DB.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = destroyPart(tx, due)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// destroyPart destroys as much as one transaction may, and tells whether there is more.
func destroyPart(tx *store.Tx, due *authority) (more bool, err error) {
	row, err := authorities.Get(tx, due.Account, due.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !row.gone(tx.Now()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(privateKeys.Drop(tx, row.Account, row.ID), lists.Drop(tx, row.Account, row.ID)); err != nil {
		return false, err
	}
	all, err := store.Collect(certificates.Scan(tx, store.Range{Prefix: store.K(row.Account, row.ID), Limit: destroyed}))
	if err != nil {
		return false, err
	}
	for _, c := range all {
		if err := certificates.Delete(tx, c.Account, c.Authority, c.Serial); err != nil {
			return false, err
		}
	}
	if len(all) == destroyed {
		return true, nil
	}
	return false, authorities.Delete(tx, row.Account, row.ID)
}

// setRevocation takes how revocation is to be told; what is not named is off.
func (a *authority) setRevocation(r *types.RevocationConfiguration) error {
	if r == nil {
		return nil
	}
	number := a.CRL.Number
	a.CRL, a.OCSP = crl{Number: number}, ocsp{}
	if o := r.OcspConfiguration; o != nil {
		a.OCSP = ocsp{Given: true, On: *o.Enabled, Host: aws.ToString(o.OcspCustomCname)}
	}
	c := r.CrlConfiguration
	if c == nil {
		return nil
	}
	a.CRL = crl{
		Given: true, On: *c.Enabled, Days: aws.ToInt32(c.ExpirationInDays), Host: aws.ToString(c.CustomCname), Path: aws.ToString(c.CustomPath),
		Bucket: aws.ToString(c.S3BucketName), ACL: string(c.S3ObjectAcl), Kind: string(c.CrlType), Number: number,
	}
	if x := c.CrlDistributionPointExtensionConfiguration; x != nil {
		a.CRL.OmitSet, a.CRL.Omit = true, *x.OmitExtension
	}
	switch {
	case !a.CRL.On:
		return nil
	case c.CrlType == types.CrlTypePartitioned:
		return notImplemented("The CRL type PARTITIONED")
	case a.CRL.Days == 0:
		return invalidArgs("ExpirationInDays must be specified if a CRL is enabled.")
	}
	return nil
}

func (a *authority) revocation() *types.RevocationConfiguration {
	out := &types.RevocationConfiguration{
		CrlConfiguration: &types.CrlConfiguration{Enabled: aws.Bool(a.CRL.On)}, OcspConfiguration: &types.OcspConfiguration{Enabled: aws.Bool(a.OCSP.On), OcspCustomCname: text(a.OCSP.Host)},
	}
	if c := out.CrlConfiguration; a.CRL.Given {
		c.CustomCname, c.CustomPath, c.S3BucketName = text(a.CRL.Host), text(a.CRL.Path), text(a.CRL.Bucket)
		c.S3ObjectAcl, c.CrlType = types.S3ObjectAcl(a.CRL.ACL), types.CrlType(a.CRL.Kind)
		if a.CRL.Days != 0 {
			c.ExpirationInDays = &a.CRL.Days
		}
		if a.CRL.OmitSet {
			c.CrlDistributionPointExtensionConfiguration = &types.CrlDistributionPointExtensionConfiguration{OmitExtension: &a.CRL.Omit}
		}
	}
	return out
}

package acmpca

import (
	"context"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// maxRevoked bounds a list, which is one row of the store.
	maxRevoked = 20_000
	// houseDays is how long a list is valid that nobody has given a time.
	houseDays = 7
)

// RevokeCertificate revokes a certificate for good.
func (s *Service) RevokeCertificate(ctx context.Context, in *acmpca.RevokeCertificateInput) (*acmpca.RevokeCertificateOutput, error) {
	r, err := parseAuthority(*in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	serial := strings.ToLower(strings.ReplaceAll(*in.CertificateSerial, ":", ""))
	if _, err := hex.DecodeString(serial); err != nil || serial == "" {
		return nil, invalidRequest("The certificate serial number is not valid.")
	}
	reason, _ := x509ca.Reason(string(in.RevocationReason))
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := s.get(tx, r)
		if errors.Is(err, store.ErrNotFound) {
			return noAuthority(*in.CertificateAuthorityArn)
		}
		if err != nil {
			return err
		}
		switch row.state(tx.Now()) {
		case types.CertificateAuthorityStatusActive, types.CertificateAuthorityStatusDisabled, types.CertificateAuthorityStatusExpired:
		default:
			return row.wrongState(tx.Now())
		}
		return revoke(tx, row, serial, reason)
	})
	s.worker.Wake()
	return &acmpca.RevokeCertificateOutput{}, err
}

// revoke marks a certificate, and plans the list that tells of it.
func revoke(tx *store.Tx, row *authority, serial string, reason int) error {
	c, err := certificates.Get(tx, row.Account, row.ID, serial)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notFound("Could not find the certificate with the serial number %s.", serial)
	case err != nil:
		return err
	case c.SelfMade:
		return invalidRequest("A self-signed certificate of a root CA cannot be revoked.")
	case !c.Revoked.IsZero():
		return &types.RequestAlreadyProcessedException{Message: aws.String("The certificate has already been revoked.")}
	case row.Revocations >= maxRevoked:
		return limitExceeded("The limit of revoked certificates has been reached.")
	}
	c.Revoked, c.Reason = tx.Now(), reason
	row.Revocations++
	row.planList(tx.Now())
	if err := certificates.Put(tx, c); err != nil {
		return err
	}
	return authorities.Put(tx, row)
}

// planList has a list made now, if the authority has lists and can sign them.
func (a *authority) planList(now time.Time) {
	a.CRL.DueAt = time.Time{}
	if a.CRL.On && len(a.Certificate) > 0 && a.Until.IsZero() && now.Before(a.NotAfter) {
		a.CRL.DueAt = now
	}
}

func listed(a *authority) time.Time { return a.CRL.DueAt }

// makeList signs the authority's next list, which is made anew at half of its life.
func (s *Service) makeList(ctx context.Context, due *authority) error {
	row, l, err := s.newList(ctx, due)
	if err != nil || row == nil {
		return err
	}
	i, err := s.issuer(ctx, row, row.Signing)
	if err != nil {
		return err
	}
	der, err := i.CRL(l)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		now, err := authorities.Get(tx, row.Account, row.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && now.CRL.Number != row.CRL.Number {
			return nil
		}
		if err != nil {
			return err
		}
		now.CRL.Number++
		if now.Revocations == row.Revocations { // else there is more to tell by now
			now.CRL.DueAt = l.This.Add(l.Next.Sub(l.This) / 2)
		}
		if !now.CRL.On || !now.CRL.DueAt.Before(now.NotAfter) {
			now.CRL.DueAt = time.Time{}
		}
		if err := authorities.Put(tx, now); err != nil {
			return err
		}
		return lists.Put(tx, &list{Account: now.Account, ID: now.ID, Number: now.CRL.Number, DER: der, Next: l.Next})
	})
	if err != nil || s.Buckets == nil || row.CRL.Bucket == "" {
		return err
	}
	return s.copyList(ctx, row, der)
}

// copyList puts a list into the account's bucket. A bucket that refuses is the
// account's to mend: the list is served all the same.
func (s *Service) copyList(ctx context.Context, row *authority, der []byte) error {
	key := "crl/" + row.ID + ".crl"
	if row.CRL.Path != "" {
		key = row.CRL.Path + "/" + row.ID + ".crl"
	}
	err := s.Buckets.PutObject(ctx, row.Account, &s3.PutObjectInput{
		Bucket: aws.String(row.CRL.Bucket), Key: aws.String(key), Body: strings.NewReader(string(der)), ContentType: aws.String("application/pkix-crl"),
	})
	if err != nil {
		s.Logger.WarnContext(ctx, "a revocation list was not copied to its bucket", "authority", row.arn(), "error", err.Error())
	}
	return nil
}

func (s *Service) newList(ctx context.Context, due *authority) (row *authority, l *x509ca.List, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		row = nil
		a, err := authorities.Get(tx, due.Account, due.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && a.CRL.DueAt.IsZero() {
			return nil
		}
		if err != nil {
			return err
		}
		row = a
		days := max(row.CRL.Days, 1)
		l = &x509ca.List{Number: big.NewInt(row.CRL.Number + 1), This: tx.Now(), Next: tx.Now().Add(time.Duration(days) * day)}
		for c, err := range certificates.ScanIndex(tx, "revoked", store.Range{Prefix: store.K(row.Account, row.ID)}) {
			if err != nil {
				return err
			}
			if tx.Now().Before(c.NotAfter) { // what has expired needs no list
				l.Revoked = append(l.Revoked, *c.revocation())
			}
		}
		return nil
	})
	return row, l, err
}

func (c *issued) revocation() *x509ca.Revoked {
	if c.Revoked.IsZero() {
		return nil
	}
	serial, _ := new(big.Int).SetString(c.Serial, 16)
	return &x509ca.Revoked{Serial: serial, At: c.Revoked, Reason: c.Reason}
}

package iam

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A credentialReport is the newest report of an account.
type credentialReport struct {
	Account   string
	Generated time.Time
	// Packed is the CSV in gzip: that of an account at its quota of users stays
	// below the store's bound.
	Packed []byte
}

const (
	// reportFresh is how long a report is answered before another is made,
	// reportValid how long it can be fetched (IAM API Reference,
	// GenerateCredentialReport and GetCredentialReport).
	reportFresh = 4 * time.Hour
	reportValid = 4 * time.Hour
	// reportTime is how reports print times.
	reportTime = "2006-01-02T15:04:05+00:00"

	notApplicable = "N/A"
	notSupported  = "not_supported"
)

var credentialReports = store.NewTable("iam.credentialreport", func(r *credentialReport) store.Key { return store.K(r.Account) })

func (s *Service) credentialReportOperations() []wire.Operation {
	return []wire.Operation{
		op(onAny[iam.GenerateCredentialReportInput], s.GenerateCredentialReport),
		op(onAny[iam.GetCredentialReportInput], s.GetCredentialReport),
	}
}

func (s *Service) credentialReport(ctx context.Context) (r *credentialReport, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		r, err = credentialReports.Get(tx, account)
		return err
	})
	return r, err
}

// GenerateCredentialReport makes a report, unless there is one of the last four
// hours. It is complete when the call returns.
func (s *Service) GenerateCredentialReport(ctx context.Context, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	done := &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}
	last, err := s.credentialReport(ctx)
	if err == nil && s.clock.Now().Sub(last.Generated) < reportFresh {
		return done, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	account := wire.CallFrom(ctx).Account()
	if err := s.writeReport(ctx, account, z); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	next := &credentialReport{Account: account, Generated: s.now(), Packed: packed.Bytes()}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return credentialReports.Put(tx, next) })
	if err != nil {
		return nil, err
	}
	return done, nil
}

// GetCredentialReport returns the newest report.
func (s *Service) GetCredentialReport(ctx context.Context, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	r, err := s.credentialReport(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &types.CredentialReportNotPresentException{Message: aws.String("No report exists")}
	}
	if err != nil {
		return nil, err
	}
	if s.clock.Now().Sub(r.Generated) >= reportValid {
		return nil, &types.CredentialReportExpiredException{Message: aws.String("The credential report has expired")}
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Packed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return &iam.GetCredentialReportOutput{Content: content, GeneratedTime: &r.Generated, ReportFormat: types.ReportFormatTypeTextCsv}, nil
}

// writeReport writes the report's rows: the root's and those of all users (IAM
// User Guide, "Generate credential reports for your AWS account").
func (s *Service) writeReport(ctx context.Context, account string, to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{
		"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
		"password_next_rotation", "mfa_active",
		"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
		"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
		"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
	}); err != nil {
		return err
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		row, err := accountIn(tx, account, s.now())
		if err != nil {
			return err
		}
		record := []string{"<root_account>", arn.Root(account), row.Created.UTC().Format(reportTime), notSupported, "no_information", notSupported, notSupported, "false"}
		if record, err = s.appendKeys(tx, record, account, row.Keys); err != nil {
			return err
		}
		if err := w.Write(append(record, "false", notApplicable, "false", notApplicable)); err != nil {
			return err
		}
		for u, err := range users.table.ScanIndex(tx, byName, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			record, err := s.recordOf(tx, u, row.Passwords)
			if err != nil {
				return err
			}
			if err := w.Write(record); err != nil {
				return err
			}
		}
		return nil
	})
	w.Flush()
	return firstError(err, w.Error())
}

// recordOf is all that a report says of a user.
func (s *Service) recordOf(tx *store.Tx, u *user, p *passwordPolicy) ([]string, error) {
	record, err := u.reported(tx, p)
	if err != nil {
		return nil, err
	}
	if record, err = s.appendKeys(tx, record, u.Account, u.Keys); err != nil {
		return nil, err
	}
	return u.appendCertificates(tx, record)
}

// reported is what a report says of a user before its keys.
func (u *user) reported(tx *store.Tx, p *passwordPolicy) ([]string, error) {
	enabled, used, changed, rotation := "false", notApplicable, notApplicable, notApplicable
	l, err := loginProfiles.Get(tx, u.Account, u.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		enabled, used, changed = "true", "no_information", l.Hash.Since.UTC().Format(reportTime)
		if p != nil && p.MaxAge > 0 {
			rotation = l.Hash.Since.UTC().AddDate(0, 0, int(p.MaxAge)).Format(reportTime)
		}
	}
	return []string{
		u.Name, users.arn(&u.entity), u.Created.UTC().Format(reportTime), enabled, used, changed, rotation, strconv.FormatBool(len(u.MFA) > 0),
	}, nil
}

// appendKeys adds both access keys to a record.
func (s *Service) appendKeys(tx *store.Tx, record []string, account string, ids []string) ([]string, error) {
	for i := range maxKeys {
		active, rotated, date, region, service := "false", notApplicable, notApplicable, notApplicable, notApplicable
		if i < len(ids) {
			k, err := accessKeys.Get(tx, account, ids[i])
			if err != nil {
				return nil, unreadable("access key "+ids[i], err)
			}
			active, rotated = strconv.FormatBool(k.Active), k.Created.UTC().Format(reportTime)
			use, used, err := s.uses.Last(tx, k.thing())
			if err != nil {
				return nil, err
			}
			if used {
				date, region, service = use.At.UTC().Format(reportTime), use.Region, use.Service
			}
		}
		record = append(record, active, rotated, date, region, service)
	}
	return record, nil
}

// appendCertificates adds both signing certificates to a user's record.
func (u *user) appendCertificates(tx *store.Tx, record []string) ([]string, error) {
	have, err := ownedBy(tx, signingCertificates, u)
	if err != nil {
		return nil, err
	}
	for i := range maxSigningCertificates {
		active, rotated := "false", notApplicable
		if i < len(have) {
			active, rotated = strconv.FormatBool(have[i].Active), have[i].Uploaded.UTC().Format(reportTime)
		}
		record = append(record, active, rotated)
	}
	return record, nil
}

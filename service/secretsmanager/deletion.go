package secretsmanager

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

// The recovery window in days (Secrets Manager API Reference, DeleteSecret).
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// DeleteSecret marks a secret for deletion, or deletes it at once. To delete at
// once what is not there is no error.
func (s *Service) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	force := aws.ToBool(in.ForceDeleteWithoutRecovery)
	days := in.RecoveryWindowInDays
	switch {
	case days != nil && (*days < minWindow || *days > maxWindow):
		return nil, invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	case days != nil && force:
		return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case force:
		return s.deleteNow(ctx, in.SecretId)
	}
	window := defaultWindow * day
	if days != nil {
		window = time.Duration(*days) * day
	}
	row, err := s.editAny(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		if row.pending() {
			return invalidRequest("You can't perform this operation on the secret because it was already scheduled for deletion.")
		}
		if err := row.deletable(); err != nil {
			return err
		}
		row.DeletionAt = tx.Now().Add(window)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &secretsmanager.DeleteSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name, DeletionDate: &row.DeletionAt}, nil
}

func (s *Service) deleteNow(ctx context.Context, given *string) (*secretsmanager.DeleteSecretOutput, error) {
	r := s.authorized(ctx, *given)
	if r.name == "" { // it could not name a secret of this Region
		return nil, missing()
	}
	now := s.clock.Now()
	out := &secretsmanager.DeleteSecretOutput{ARN: aws.String(s.arn(r)), Name: &r.name, DeletionDate: &now}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := r.get(tx)
		if err != nil {
			return err
		}
		if err := row.deletable(); err != nil {
			return err
		}
		out.ARN, out.Name = aws.String(row.arn()), &row.Name
		return destroy(tx, row)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return out, nil
}

// deletable refuses a secret that others follow, or that follows another.
func (s *secret) deletable() error {
	if s.replicated() {
		return onReplica()
	}
	if len(s.Replicas) == 0 {
		return nil
	}
	var regions []string
	for i := range s.Replicas {
		regions = append(regions, s.Replicas[i].Region)
	}
	return invalidParameter("You can't delete secret %s that still has replica regions [%s].", s.arn(), strings.Join(regions, ", "))
}

// destroy removes a secret and all its versions for ever.
func destroy(tx *store.Tx, row *secret) error {
	var ids []string
	for v, err := range versions.Scan(tx, store.Range{Prefix: row.own()}) {
		if err != nil {
			return err
		}
		ids = append(ids, v.ID)
	}
	for _, id := range ids {
		if err := versions.Drop(tx, row.Account, row.Name, row.Suffix, id); err != nil {
			return err
		}
	}
	return secrets.Delete(tx, row.Account, row.Name)
}

// RestoreSecret takes back the mark for deletion.
func (s *Service) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	row, err := s.editAny(ctx, in.SecretId, func(_ *store.Tx, row *secret) error {
		row.DeletionAt = time.Time{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wakeRotations()
	return &secretsmanager.RestoreSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name}, nil
}

// Run deletes secrets when their recovery windows have passed, keeps the days of
// their last access, has replicas follow and rotates, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.worker.Run(ctx) })
	g.Go(func() error { return s.rotateAlways(ctx) })
	return g.Wait()
}

func (s *Service) wake() { s.worker.Wake() }

// deletions are what ends secrets at their time.
func (s *Service) deletions() jobs.Job {
	return jobs.Duty[secret]{
		DB: s.db, Clock: s.clock, Table: secrets, Index: "deletion",
		At: func(row *secret) time.Time { return row.DeletionAt }, Do: s.destroyIfDue,
	}.Job()
}

// destroyIfDue destroys a secret, unless another has taken its place meanwhile.
func (s *Service) destroyIfDue(ctx context.Context, due *secret) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := secrets.Get(tx, due.Account, due.Name)
		if errors.Is(err, store.ErrNotFound) || err == nil && !row.gone(tx.Now()) {
			return nil
		}
		if err != nil {
			return err
		}
		return destroy(tx, row)
	})
}

package secretsmanager

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

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
		out.ARN, out.Name = aws.String(row.arn()), &row.Name
		return destroy(tx, row)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return out, nil
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
	return &secretsmanager.RestoreSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name}, nil
}

// idleWait is how long Run sleeps when nothing is pending: any change wakes it.
const idleWait = 365 * day

// fullWait is how long Run waits for space on a full disk. The secrets that are
// due are as good as gone meanwhile.
const fullWait = time.Minute

// Run deletes secrets when their recovery windows have passed, and keeps the days
// of their last access, until ctx ends. It sleeps until there is something to do.
func (s *Service) Run(ctx context.Context) error {
	for {
		next, err := s.work(ctx)
		if errors.Is(err, store.ErrFull) {
			next, err = s.clock.Now().Add(fullWait), nil
		}
		if err != nil {
			return err
		}
		if err := s.sleep(ctx, next); err != nil {
			return err
		}
	}
}

func (s *Service) work(ctx context.Context) (next time.Time, err error) {
	if err := s.keepAccesses(ctx); err != nil {
		return next, err
	}
	return s.destroyDue(ctx)
}

// sleep waits for t, or for a change of the plan.
func (s *Service) sleep(ctx context.Context, t time.Time) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.clock.Until(waiting, t) }()
	select {
	case err := <-done:
		return err
	case <-s.changed:
		stop()
		<-done //nolint:errcheck // it says that the wait was stopped
		return nil
	}
}

func (s *Service) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// destroyDue deletes every secret that is due, and returns when the next one is.
func (s *Service) destroyDue(ctx context.Context) (time.Time, error) {
	for {
		row, err := s.firstPending(ctx)
		if err != nil {
			return time.Time{}, err
		}
		now := s.clock.Now()
		if row == nil {
			return now.Add(idleWait), nil
		}
		if !row.gone(now) {
			return row.DeletionAt, nil
		}
		if err := s.destroyIfDue(ctx, row); err != nil {
			return time.Time{}, err
		}
	}
}

// firstPending is the secret whose deletion is due first, or nil.
func (s *Service) firstPending(ctx context.Context) (first *secret, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		first = nil
		for row, err := range secrets.ScanIndex(tx, "deletion", store.Range{Limit: 1}) {
			if err != nil {
				return err
			}
			first = row
		}
		return nil
	})
	return first, err
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

package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (k *key) isPending() error { return invalidState("%s is pending deletion.", k.arn()) }

// usable tells why the key cannot do cryptography now: its state first, then
// what it is for (KMS Developer Guide, "Key states of AWS KMS keys").
func (k *key) usable(u seal.Usage, operation string) error {
	if k.pending() {
		return k.isPending()
	}
	if k.Disabled {
		return &types.DisabledException{Message: aws.String(k.arn() + " is disabled.")}
	}
	if k.Usage != u {
		return invalidUsage("%s key usage is %s which is not valid for %s.", k.arn(), k.Usage, operation)
	}
	return nil
}

// EnableKey lets a disabled key be used again.
func (s *Service) EnableKey(ctx context.Context, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	if err := s.setDisabled(ctx, in.KeyId, false); err != nil {
		return nil, err
	}
	return &kms.EnableKeyOutput{}, nil
}

// DisableKey keeps a key from being used.
func (s *Service) DisableKey(ctx context.Context, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	if err := s.setDisabled(ctx, in.KeyId, true); err != nil {
		return nil, err
	}
	return &kms.DisableKeyOutput{}, nil
}

func (s *Service) setDisabled(ctx context.Context, id *string, disabled bool) error {
	_, err := s.edit(ctx, id, func(_ *store.Tx, k *key) error {
		if k.pending() {
			return k.isPending()
		}
		k.Disabled = disabled
		return nil
	})
	return err
}

// Bounds of a deletion's window in days (KMS API Reference, ScheduleKeyDeletion).
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = maxWindow
)

func windowOf(in *kms.ScheduleKeyDeletionInput) int32 {
	if in.PendingWindowInDays == nil {
		return defaultWindow
	}
	return *in.PendingWindowInDays
}

// ScheduleKeyDeletion takes a key out of use, and destroys it when the window
// has passed.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days := windowOf(in)
	if days < minWindow || days > maxWindow {
		return nil, invalid("PendingWindowInDays must be between %d and %d", minWindow, maxWindow)
	}
	at := s.clock.Now().Add(time.Duration(days) * day)
	k, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if k.pending() {
			return k.isPending()
		}
		k.DeletionAt = at
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &kms.ScheduleKeyDeletionOutput{
		KeyId: aws.String(k.arn()), DeletionDate: &k.DeletionAt,
		KeyState: types.KeyStatePendingDeletion, PendingWindowInDays: &days,
	}, nil
}

// CancelKeyDeletion keeps a key from being destroyed. It stays disabled.
func (s *Service) CancelKeyDeletion(ctx context.Context, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	k, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if !k.pending() {
			return invalidState("%s is not pending deletion.", k.arn())
		}
		k.DeletionAt, k.Disabled = time.Time{}, true
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &kms.CancelKeyDeletionOutput{KeyId: aws.String(k.arn())}, nil
}

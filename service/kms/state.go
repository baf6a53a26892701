package kms

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// state is the key's state, by what weighs most (KMS Developer Guide, "Key states
// of AWS KMS keys").
func (k *key) state() types.KeyState {
	switch {
	case k.Window != 0:
		return types.KeyStatePendingReplicaDeletion
	case k.pending():
		return types.KeyStatePendingDeletion
	case k.Multi != nil && k.Multi.Updating:
		return types.KeyStateUpdating
	default:
		return k.standingState()
	}
}

// standingState is the state that outlasts an update of the primary Region.
func (k *key) standingState() types.KeyState {
	switch {
	case k.unavailable():
		return types.KeyStateUnavailable
	case k.Awaited > 0:
		return types.KeyStatePendingImport
	case k.Disabled:
		return types.KeyStateDisabled
	default:
		return types.KeyStateEnabled
	}
}

// refuse is AWS's error if the key is in one of the states.
func (k *key) refuse(states ...types.KeyState) error {
	if s := k.state(); slices.Contains(states, s) {
		return k.refusal(s)
	}
	return nil
}

func (k *key) refusal(s types.KeyState) error {
	switch s {
	case types.KeyStateDisabled:
		return &types.DisabledException{Message: aws.String(k.arn() + " is disabled.")}
	case types.KeyStatePendingReplicaDeletion:
		return invalidState("%s is pending replica deletion.", k.arn())
	case types.KeyStatePendingDeletion:
		return invalidState("%s is pending deletion.", k.arn())
	case types.KeyStatePendingImport:
		return invalidState("%s is pending import.", k.arn())
	case types.KeyStateUpdating:
		return invalidState("%s is updating.", k.arn())
	case types.KeyStateUnavailable:
		return invalidState("%s is unavailable.", k.arn())
	default:
		return invalidState("%s is %s.", k.arn(), s)
	}
}

// leaving refuses a key that is to be deleted, now or after its replicas.
func (k *key) leaving() error {
	return k.refuse(types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion)
}

// enabled refuses a key that cannot do cryptography now. An update of the primary
// Region interrupts no use.
func (k *key) enabled() error {
	if err := k.leaving(); err != nil {
		return err
	}
	if s := k.standingState(); s != types.KeyStateEnabled {
		return k.refusal(s)
	}
	return nil
}

// inForce refuses a key that can have no new grants now. That its store is not
// connected does not count.
func (k *key) inForce() error {
	if k.unavailable() {
		return k.leaving()
	}
	return k.enabled()
}

// usable tells why the key cannot do the operation now: its state first, then
// what it is for.
func (k *key) usable(u seal.Usage, operation string) error {
	if err := k.enabled(); err != nil {
		return err
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
		err := k.refuse(types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion, types.KeyStatePendingImport, types.KeyStateUpdating)
		if err != nil {
			return err
		}
		k.Disabled = disabled
		return nil
	})
	s.wake() // a rotation may have been missed meanwhile
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
// has passed. The window of a primary begins when its last replica is gone.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days := windowOf(in)
	if days < minWindow || days > maxWindow {
		return nil, invalid("PendingWindowInDays must be between %d and %d", minWindow, maxWindow)
	}
	now := s.clock.Now()
	k, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if err := k.refuse(types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion, types.KeyStateUpdating); err != nil {
			return err
		}
		k.leave(now, days)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	out := &kms.ScheduleKeyDeletionOutput{KeyId: aws.String(k.arn()), KeyState: k.state(), PendingWindowInDays: &days}
	if k.Window == 0 {
		out.DeletionDate = &k.DeletionAt
	}
	return out, nil
}

// leave begins the key's window, or has it begin once its replicas are gone.
func (k *key) leave(now time.Time, days int32) {
	if k.Multi.waits(k.Region) {
		k.Window = days
		return
	}
	k.Window, k.DeletionAt = 0, now.Add(time.Duration(days)*day)
}

// CancelKeyDeletion keeps a key from being destroyed. It stays disabled.
func (s *Service) CancelKeyDeletion(ctx context.Context, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	k, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if !k.pending() {
			return invalidState("%s is not pending deletion.", k.arn())
		}
		k.DeletionAt, k.Window, k.Disabled = time.Time{}, 0, true
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &kms.CancelKeyDeletionOutput{KeyId: aws.String(k.arn())}, nil
}

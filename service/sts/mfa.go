package sts

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// multiFactor is the condition key that policies ask for a second factor by.
const multiFactor = "aws:multifactorauthpresent"

// secondFactor verifies the code of the caller's MFA device, and reports whether
// there was one. A code counts once, so it is asked only once in a call.
func (s *Service) secondFactor(ctx context.Context, serial, code *string) (bool, error) {
	switch {
	case serial == nil && code == nil:
		return false, nil
	case serial == nil || code == nil:
		return false, denied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	call := wire.CallFrom(ctx)
	if _, verified := call.Pinned(multiFactor); verified {
		return true, nil
	}
	if s.devices == nil || s.devices.VerifyMFA(ctx, call.Principal, *serial, *code) != nil {
		// Whatever failed: who guesses must not learn how close the guess was.
		return false, denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	call.Pin(multiFactor, *serial)
	return true, nil
}

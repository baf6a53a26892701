package iam

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and the only one that all apps know
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// ErrMFA tells that a code of a second factor is wrong, has been used, or comes
// from a device that the caller does not have.
var ErrMFA = errors.New("the code of the second factor is not valid")

const (
	// step is how long a code is shown (RFC 6238 §5.2).
	step = 30 * time.Second
	// slack is by how many steps a code may be early or late beside the drift.
	slack = 1
	// maxDrift is how many steps a device's clock may be off when two codes of it
	// are shown: five minutes.
	maxDrift = 10
	// maxFailures wrong codes in a row close a device for pause: a code of six
	// digits must not be found by trying.
	maxFailures = 5
	pause       = time.Minute
)

// code is the device's six digits at a step (RFC 4226 §5.3, RFC 6238 §4.2).
func (d *mfaDevice) code(at int64) string {
	mac := hmac.New(sha1.New, d.Seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at))) //nolint:gosec // steps are counted from 1970
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

func (d *mfaDevice) shows(at int64, code string) bool {
	return subtle.ConstantTimeCompare([]byte(d.code(at)), []byte(code)) == 1
}

func stepAt(t time.Time) int64 { return t.Unix() / int64(step/time.Second) }

// synchronise takes the drift of the device's clock from two codes that follow
// one another, neither of them used before. It reports whether they do.
func (d *mfaDevice) synchronise(now time.Time, first, second string) bool {
	at := stepAt(now)
	for drift := int64(-maxDrift); drift <= maxDrift; drift++ {
		last := at + drift
		if last-1 > d.Last && d.shows(last-1, first) && d.shows(last, second) {
			d.Drift, d.Last = drift, last
			d.Failures, d.Failed = 0, time.Time{}
			return true
		}
	}
	return false
}

// accept reports whether the code is the device's now, and uses it up.
func (d *mfaDevice) accept(now time.Time, code string) bool {
	if d.Failures >= maxFailures && now.Sub(d.Failed) < pause {
		return false
	}
	at := stepAt(now) + d.Drift
	for last := at - slack; last <= at+slack; last++ {
		if last > d.Last && d.shows(last, code) {
			d.Last, d.Failures, d.Failed = last, 0, time.Time{}
			return true
		}
	}
	d.Failures++
	d.Failed = now
	return false
}

// VerifyMFA checks a code of the device with that serial number, which the user p
// must have. A code counts once. The error is ErrMFA
// for whatever is wrong with code or device.
func (s *Service) VerifyMFA(ctx context.Context, p *authz.Principal, serial, code string) error {
	if p.Kind != engine.User {
		return ErrMFA
	}
	now := s.clock.Now()
	right := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		d, err := mfaDevices.Get(tx, p.Account, serial)
		if errors.Is(err, store.ErrNotFound) || err == nil && d.Owner != p.ID {
			right = false
			return nil
		}
		if err != nil {
			return err
		}
		right = d.accept(now, code)
		return mfaDevices.Put(tx, d)
	})
	if err != nil {
		return err
	}
	if !right {
		return ErrMFA
	}
	return nil
}

package s3

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lockFor is the lock of a version that is put: the request's, or the bucket's default
// (S3 User Guide, "Locking objects with Object Lock").
func (s *settings) lockFor(d description, now time.Time) (lock, error) {
	asked := d.mode != "" || d.until != nil || d.hold != ""
	if s.Lock == nil {
		if asked {
			return lock{}, noLockConfiguration()
		}
		return lock{}, nil
	}
	l := lock{Hold: d.hold == types.ObjectLockLegalHoldStatusOn}
	switch {
	case d.mode == "" && d.until == nil:
		l.Mode, l.Until = s.defaultLock(now)
		return l, nil
	case d.mode == "" || d.until == nil:
		return lock{}, fail("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	l.Mode, l.Until = d.mode, *d.until
	return l, checkRetention(l.Mode, l.Until, now)
}

func noLockConfiguration() error {
	return fail("InvalidRequest", "Bucket is missing Object Lock Configuration")
}

// checkRetention refuses a mode that there isn't, and a date that has passed.
func checkRetention(mode types.ObjectLockMode, until, now time.Time) error {
	if mode != types.ObjectLockModeGovernance && mode != types.ObjectLockModeCompliance {
		return fail("InvalidArgument", "Unknown wormMode directive.")
	}
	if !until.After(now) {
		return fail("InvalidArgument", "The retain until date must be in the future!")
	}
	return nil
}

// defaultLock is the bucket's default retention, from now on.
func (s *settings) defaultLock(now time.Time) (types.ObjectLockMode, time.Time) {
	if s.Lock.Rule == nil || s.Lock.Rule.DefaultRetention == nil {
		return "", time.Time{}
	}
	r := s.Lock.Rule.DefaultRetention
	return types.ObjectLockMode(r.Mode), now.AddDate(int(aws.ToInt32(r.Years)), 0, int(aws.ToInt32(r.Days)))
}

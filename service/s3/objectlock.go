package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Bounds of a default retention (S3 User Guide, "Configuring S3 Object Lock").
const (
	maxLockDays  = 36_500
	maxLockYears = 100
)

func (s *Service) onPutLock(ctx context.Context, in *s3.PutObjectLockConfigurationInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutBucketObjectLockConfiguration", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetLock(ctx context.Context, in *s3.GetObjectLockConfigurationInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:GetBucketObjectLockConfiguration", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// PutObjectLockConfiguration switches object lock on, and says how long new versions are
// kept whose requests don't. It can't be switched off again.
func (s *Service) PutObjectLockConfiguration(ctx context.Context, in *s3.PutObjectLockConfigurationInput) (*s3.PutObjectLockConfigurationOutput, error) {
	c := in.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	if c.Rule != nil {
		if err := checkLockRule(c.Rule.DefaultRetention); err != nil {
			return nil, err
		}
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		if !set.versioned() {
			return fail("InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		set.Lock = c
		return nil
	})
	return &s3.PutObjectLockConfigurationOutput{}, err
}

func checkLockRule(r *types.DefaultRetention) error {
	if r == nil {
		return nil
	}
	days, years := aws.ToInt32(r.Days), aws.ToInt32(r.Years)
	switch {
	case r.Mode == "" || (r.Days == nil) == (r.Years == nil):
		return fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	case r.Days != nil && days < 1, r.Years != nil && years < 1:
		return fail("InvalidArgument", "Default retention period must be a positive integer value.")
	case days > maxLockDays, years > maxLockYears:
		return fail("InvalidArgument", "Default retention period too large.")
	}
	return nil
}

// GetObjectLockConfiguration returns whether a bucket locks, and by which default.
func (s *Service) GetObjectLockConfiguration(ctx context.Context, in *s3.GetObjectLockConfigurationInput) (*s3.GetObjectLockConfigurationOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Lock == nil {
		return nil, fail("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: h.Lock}, nil
}

func (s *Service) onPutRetention(ctx context.Context, in *s3.PutObjectRetentionInput) (authz.Target, error) {
	q := &requested{}
	if r := in.Retention; r != nil {
		q.lock = description{mode: types.ObjectLockMode(r.Mode), until: r.RetainUntilDate}
	}
	t, err := s.onObject(ctx, actionPutRetention, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId, requested: q})
	if aws.ToBool(in.BypassGovernanceRetention) {
		and(&t, actionBypass)
	}
	return t, err
}

func (s *Service) onGetRetention(ctx context.Context, in *s3.GetObjectRetentionInput) (authz.Target, error) {
	return s.onObject(ctx, "", objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

func (s *Service) onPutHold(ctx context.Context, in *s3.PutObjectLegalHoldInput) (authz.Target, error) {
	q := &requested{}
	if in.LegalHold != nil {
		q.lock = description{hold: in.LegalHold.Status}
	}
	return s.onObject(ctx, "", objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId, requested: q})
}

func (s *Service) onGetHold(ctx context.Context, in *s3.GetObjectLegalHoldInput) (authz.Target, error) {
	return s.onObject(ctx, "", objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

// PutObjectRetention says until when a version can't be deleted. What compliance has
// promised is never taken back; what governance has, by those who may bypass it.
func (s *Service) PutObjectRetention(ctx context.Context, in *s3.PutObjectRetentionInput) (*s3.PutObjectRetentionOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Lock == nil {
		return nil, noLockConfiguration()
	}
	var next lock
	if r := in.Retention; r != nil && (r.Mode != "" || r.RetainUntilDate != nil) {
		next = lock{Mode: types.ObjectLockMode(r.Mode), Until: aws.ToTime(r.RetainUntilDate)}
		if err := checkRetention(next.Mode, next.Until, s.clock.Now()); err != nil {
			return nil, err
		}
	}
	_, err = s.changeVersion(ctx, h, *in.Key, in.VersionId, func(tx *store.Tx, v *version) error {
		if v.Lock.weakens(next, tx.Now()) && (v.Lock.Mode == types.ObjectLockModeCompliance || !aws.ToBool(in.BypassGovernanceRetention)) {
			return denied()
		}
		v.Lock.Mode, v.Lock.Until = next.Mode, next.Until
		return nil
	})
	return &s3.PutObjectRetentionOutput{}, err
}

// weakens tells that another retention would let a version go earlier, or more easily.
func (l lock) weakens(next lock, now time.Time) bool {
	if !now.Before(l.Until) {
		return false
	}
	return next.Until.Before(l.Until) || l.Mode == types.ObjectLockModeCompliance && next.Mode != l.Mode
}

// GetObjectRetention returns until when a version is kept.
func (s *Service) GetObjectRetention(ctx context.Context, in *s3.GetObjectRetentionInput) (*s3.GetObjectRetentionOutput, error) {
	v, err := s.locked(ctx, *in.Bucket, *in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	if v.Lock.Mode == "" {
		return nil, fail("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
	}
	return &s3.GetObjectRetentionOutput{Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(v.Lock.Mode), RetainUntilDate: &v.Lock.Until}}, nil
}

// PutObjectLegalHold keeps a version from being deleted until the hold is taken off.
func (s *Service) PutObjectLegalHold(ctx context.Context, in *s3.PutObjectLegalHoldInput) (*s3.PutObjectLegalHoldOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Lock == nil {
		return nil, noLockConfiguration()
	}
	if in.LegalHold == nil || in.LegalHold.Status == "" {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	_, err = s.changeVersion(ctx, h, *in.Key, in.VersionId, func(_ *store.Tx, v *version) error {
		v.Lock.Hold = in.LegalHold.Status == types.ObjectLockLegalHoldStatusOn
		return nil
	})
	return &s3.PutObjectLegalHoldOutput{}, err
}

// GetObjectLegalHold tells whether a version is on hold.
func (s *Service) GetObjectLegalHold(ctx context.Context, in *s3.GetObjectLegalHoldInput) (*s3.GetObjectLegalHoldOutput, error) {
	v, err := s.locked(ctx, *in.Bucket, *in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	status := types.ObjectLockLegalHoldStatusOff
	if v.Lock.Hold {
		status = types.ObjectLockLegalHoldStatusOn
	}
	return &s3.GetObjectLegalHoldOutput{LegalHold: &types.ObjectLockLegalHold{Status: status}}, nil
}

// locked reads a version of a bucket that locks.
func (s *Service) locked(ctx context.Context, bucket, key string, id *string) (v *version, err error) {
	h, err := s.hold(ctx, bucket)
	if err != nil {
		return nil, err
	}
	if h.Lock == nil {
		return nil, noLockConfiguration()
	}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		v, err = lookup(tx, h, key, id)
		return err
	})
	if err != nil {
		return nil, s.absence(ctx, h, err)
	}
	return v, nil
}

package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onPutVersioning(ctx context.Context, in *s3.PutBucketVersioningInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetVersioning(ctx context.Context, in *s3.GetBucketVersioningInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// PutBucketVersioning has a bucket keep versions, or no more new ones. Deletion by a
// second factor is not implemented, and refused.
func (s *Service) PutBucketVersioning(ctx context.Context, in *s3.PutBucketVersioningInput) (*s3.PutBucketVersioningOutput, error) {
	c := in.VersioningConfiguration
	if c.MFADelete == types.MFADeleteEnabled {
		return nil, fail("NotImplemented", "A header you provided implies functionality that is not implemented: MfaDelete.")
	}
	if c.Status == "" {
		return nil, fail("IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		if set.Lock != nil && c.Status == types.BucketVersioningStatusSuspended {
			return fail("InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		if set.Replication != nil && c.Status == types.BucketVersioningStatusSuspended {
			return fail("InvalidBucketState", "A replication configuration is present on this bucket, so you cannot change the versioning state. To change the versioning state, first delete the replication configuration.")
		}
		set.Versioning = c.Status
		return nil
	})
	return &s3.PutBucketVersioningOutput{}, err
}

// GetBucketVersioning tells whether a bucket keeps versions; one that never has answers
// nothing.
func (s *Service) GetBucketVersioning(ctx context.Context, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketVersioningOutput{Status: h.Versioning}, nil
}

package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onPutAccessBlock(ctx context.Context, in *s3.PutPublicAccessBlockInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutBucketPublicAccessBlock", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetAccessBlock(ctx context.Context, in *s3.GetPublicAccessBlockInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:GetBucketPublicAccessBlock", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeleteAccessBlock(ctx context.Context, in *s3.DeletePublicAccessBlockInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutBucketPublicAccessBlock", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// blockAll is what new buckets have (S3 User Guide, "Blocking public access").
func blockAll() *types.PublicAccessBlockConfiguration {
	return &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
	}
}

// PutPublicAccessBlock says which ways of letting strangers in are shut, whatever
// policies say.
func (s *Service) PutPublicAccessBlock(ctx context.Context, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	c := *in.PublicAccessBlockConfiguration
	for _, b := range []**bool{&c.BlockPublicAcls, &c.IgnorePublicAcls, &c.BlockPublicPolicy, &c.RestrictPublicBuckets} {
		*b = aws.Bool(aws.ToBool(*b))
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.PublicAccess = &c
		return nil
	})
	return &s3.PutPublicAccessBlockOutput{}, err
}

// GetPublicAccessBlock returns what PutPublicAccessBlock has set.
func (s *Service) GetPublicAccessBlock(ctx context.Context, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.PublicAccess == nil {
		return nil, fail("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: h.PublicAccess}, nil
}

// DeletePublicAccessBlock opens all four ways.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.PublicAccess = nil
		return nil
	})
	return &s3.DeletePublicAccessBlockOutput{}, err
}

package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onPutEncryption(ctx context.Context, in *s3.PutBucketEncryptionInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutEncryptionConfiguration", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetEncryption(ctx context.Context, in *s3.GetBucketEncryptionInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:GetEncryptionConfiguration", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeleteEncryption(ctx context.Context, in *s3.DeleteBucketEncryptionInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutEncryptionConfiguration", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// PutBucketEncryption says how objects are sealed whose requests don't, and which kinds
// of encryption no request may ask for.
func (s *Service) PutBucketEncryption(ctx context.Context, in *s3.PutBucketEncryptionInput) (*s3.PutBucketEncryptionOutput, error) {
	c := in.ServerSideEncryptionConfiguration
	if len(c.Rules) != 1 {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	rule := c.Rules[0]
	if rule.ApplyServerSideEncryptionByDefault == nil {
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
	}
	if err := checkDefault(&rule); err != nil {
		return nil, err
	}
	if rule.BucketKeyEnabled == nil {
		rule.BucketKeyEnabled = aws.Bool(false)
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Encryption = &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}}
		return nil
	})
	return &s3.PutBucketEncryptionOutput{}, err
}

func checkDefault(rule *types.ServerSideEncryptionRule) error {
	d := rule.ApplyServerSideEncryptionByDefault
	switch d.SSEAlgorithm {
	case types.ServerSideEncryptionAes256:
		if d.KMSMasterKeyID != nil {
			return fail("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	case types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse:
	default:
		return fail("InvalidArgument", "The encryption method specified is not supported")
	}
	if b := rule.BlockedEncryptionTypes; b != nil {
		for _, t := range b.EncryptionType {
			if t == types.EncryptionTypeNone && len(b.EncryptionType) > 1 {
				return fail("InvalidArgument", "NONE cannot be combined with other encryption types")
			}
		}
	}
	return nil
}

// GetBucketEncryption returns how objects are sealed: by SSE-S3 where nothing was set.
func (s *Service) GetBucketEncryption(ctx context.Context, in *s3.GetBucketEncryptionInput) (*s3.GetBucketEncryptionOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{h.defaultEncryption()},
	}}, nil
}

// DeleteBucketEncryption goes back to SSE-S3.
func (s *Service) DeleteBucketEncryption(ctx context.Context, in *s3.DeleteBucketEncryptionInput) (*s3.DeleteBucketEncryptionOutput, error) {
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Encryption = nil
		return nil
	})
	return &s3.DeleteBucketEncryptionOutput{}, err
}

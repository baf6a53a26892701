package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// PutBucketLifecycleConfiguration sets the rules by which objects expire and change
// their class. They take effect at the next midnight UTC.
func (s *Service) PutBucketLifecycleConfiguration(ctx context.Context, in *s3.PutBucketLifecycleConfigurationInput) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	c, least := in.LifecycleConfiguration, in.TransitionDefaultMinimumObjectSize
	if c == nil {
		return nil, malformedXML()
	}
	switch least {
	case "":
		least = types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k
	case types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k, types.TransitionDefaultMinimumObjectSizeVariesByStorageClass:
	default:
		return nil, argument("x-amz-transition-default-minimum-object-size", string(least), "Invalid transition default minimum object size")
	}
	if err := checkLifecycle(c.Rules); err != nil {
		return nil, err
	}
	err := s.change(ctx, *in.Bucket, func(tx *store.Tx, set *settings) error {
		set.Lifecycle, set.Transition = c, least
		return planRuns(tx)
	})
	if err != nil {
		return nil, err
	}
	s.ager.Wake()
	return &s3.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: least}, nil
}

// GetBucketLifecycleConfiguration returns the rules as they were put.
func (s *Service) GetBucketLifecycleConfiguration(ctx context.Context, in *s3.GetBucketLifecycleConfigurationInput) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Lifecycle == nil {
		return nil, refuse(http.StatusNotFound, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist",
			wire.Detail{Name: "BucketName", Value: h.Name})
	}
	return &s3.GetBucketLifecycleConfigurationOutput{Rules: h.Lifecycle.Rules, TransitionDefaultMinimumObjectSize: h.Transition}, nil
}

// DeleteBucketLifecycle does away with the rules: nothing expires any more.
func (s *Service) DeleteBucketLifecycle(ctx context.Context, in *s3.DeleteBucketLifecycleInput) (*s3.DeleteBucketLifecycleOutput, error) {
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Lifecycle, set.Transition = nil, ""
		return nil
	})
	return &s3.DeleteBucketLifecycleOutput{}, err
}

func (s *Service) onPutLifecycle(ctx context.Context, in *s3.PutBucketLifecycleConfigurationInput) (authz.Target, error) {
	return s.onBucket(ctx, actionPutLifecycle, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetLifecycle(ctx context.Context, in *s3.GetBucketLifecycleConfigurationInput) (authz.Target, error) {
	return s.onBucket(ctx, actionGetLifecycle, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeleteLifecycle(ctx context.Context, in *s3.DeleteBucketLifecycleInput) (authz.Target, error) {
	return s.onBucket(ctx, actionPutLifecycle, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// Actions whose names differ from the operations'.
const (
	actionGetLifecycle = "s3:GetLifecycleConfiguration"
	actionPutLifecycle = "s3:PutLifecycleConfiguration"
)

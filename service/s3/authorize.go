package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// Actions whose names differ from the operations' (Service Authorization
// Reference, Amazon S3).
const (
	actionListAll  = "s3:ListAllMyBuckets"
	actionList     = "s3:ListBucket"
	actionLocation = "s3:GetBucketLocation"
)

func (s *Service) onNewBucket(_ context.Context, in *s3.CreateBucketInput) (authz.Target, error) {
	t := authz.Target{Resource: bucketARN(*in.Bucket), Type: "AWS::S3::Bucket"}
	if c := in.CreateBucketConfiguration; c != nil && c.LocationConstraint != "" {
		t.Conditions = map[string][]string{"s3:locationconstraint": {string(c.LocationConstraint)}}
	}
	return t, nil
}

func (s *Service) onBuckets(context.Context, *s3.ListBucketsInput) (authz.Target, error) {
	return authz.Target{Action: actionListAll, Resource: "*"}, nil
}

func (s *Service) onHead(ctx context.Context, in *s3.HeadBucketInput) (authz.Target, error) {
	return s.onBucket(ctx, actionList, *in.Bucket)
}

func (s *Service) onLocation(ctx context.Context, in *s3.GetBucketLocationInput) (authz.Target, error) {
	return s.onBucket(ctx, actionLocation, *in.Bucket)
}

func (s *Service) onDelete(ctx context.Context, in *s3.DeleteBucketInput) (authz.Target, error) {
	return s.onBucket(ctx, "", *in.Bucket)
}

func (s *Service) onBucket(ctx context.Context, action, name string) (authz.Target, error) {
	t := authz.Target{Action: action, Resource: bucketARN(name), Type: "AWS::S3::Bucket"}
	b, err := s.find(ctx, name)
	if noSuch := (*types.NoSuchBucket)(nil); errors.As(err, &noSuch) {
		t.Missing = err
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Account = b.Account
	if b.Region != s.region {
		t.Missing = fail("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
	}
	return t, nil
}

package s3

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
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

// onLocation redirects nobody: where a bucket lies is asked by who does not know.
func (s *Service) onLocation(ctx context.Context, in *s3.GetBucketLocationInput) (authz.Target, error) {
	t, err := s.onBucket(ctx, actionLocation, *in.Bucket)
	if redirect := (*wire.Error)(nil); errors.As(t.Missing, &redirect) {
		t.Missing = nil
	}
	return t, err
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
		t.Missing = elsewhere(b)
	}
	return t, nil
}

// elsewhere sends a caller on to the Region of a bucket. SDKs go by the header
// (S3 User Guide, "Making requests using the REST API", request redirection).
func elsewhere(b *bucket) error {
	return &wire.Error{
		Code:    "PermanentRedirect",
		Message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
		Status:  http.StatusMovedPermanently, Fault: smithy.FaultClient,
		Details: []wire.Detail{{Name: "Endpoint", Value: b.Name + ".s3." + b.Region + ".amazonaws.com"}, {Name: "Bucket", Value: b.Name}},
		Header:  http.Header{"X-Amz-Bucket-Region": {b.Region}},
	}
}

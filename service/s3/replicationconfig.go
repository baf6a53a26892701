package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// servicePrincipal is whom a replication role's trust policy lets in.
const servicePrincipal = "s3.amazonaws.com"

// PutBucketReplication sets the rules by which new versions are copied to other
// buckets. What is there already stays where it is.
func (s *Service) PutBucketReplication(ctx context.Context, in *s3.PutBucketReplicationInput) (*s3.PutBucketReplicationOutput, error) {
	c := in.ReplicationConfiguration
	if c == nil {
		return nil, malformedXML()
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.Token != nil {
		return nil, unserved("x-amz-bucket-object-lock-token")
	}
	if err := checkReplication(c, h.Account); err != nil {
		return nil, err
	}
	for i := range c.Rules {
		if err := s.checkDestination(ctx, h, c.Rules[i].Destination); err != nil {
			return nil, err
		}
	}
	err = s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		if !set.versioned() {
			return fail("InvalidRequest", "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
		}
		set.Replication = c
		return nil
	})
	return &s3.PutBucketReplicationOutput{}, err
}

// GetBucketReplication returns the rules as they were put.
func (s *Service) GetBucketReplication(ctx context.Context, in *s3.GetBucketReplicationInput) (*s3.GetBucketReplicationOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Replication == nil {
		return nil, refuse(http.StatusNotFound, "ReplicationConfigurationNotFoundError", "The replication configuration was not found",
			wire.Detail{Name: "BucketName", Value: h.Name})
	}
	return &s3.GetBucketReplicationOutput{ReplicationConfiguration: h.Replication}, nil
}

// DeleteBucketReplication does away with the rules. What is under way fails.
func (s *Service) DeleteBucketReplication(ctx context.Context, in *s3.DeleteBucketReplicationInput) (*s3.DeleteBucketReplicationOutput, error) {
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Replication = nil
		return nil
	})
	return &s3.DeleteBucketReplicationOutput{}, err
}

// onPutReplication asks too whether the caller may hand the role to S3.
func (s *Service) onPutReplication(ctx context.Context, in *s3.PutBucketReplicationInput) (authz.Target, error) {
	t, err := s.onBucket(ctx, actionPutReplication, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
	if c := in.ReplicationConfiguration; c != nil {
		t.And = append(t.And, authz.PassRole(aws.ToString(c.Role), servicePrincipal, ""))
	}
	return t, err
}

func (s *Service) onGetReplication(ctx context.Context, in *s3.GetBucketReplicationInput) (authz.Target, error) {
	return s.onBucket(ctx, actionGetReplication, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeleteReplication(ctx context.Context, in *s3.DeleteBucketReplicationInput) (authz.Target, error) {
	return s.onBucket(ctx, actionPutReplication, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// checkDestination holds a destination to be there, elsewhere, and to keep versions.
func (s *Service) checkDestination(ctx context.Context, h *held, d *types.Destination) error {
	name := destinationName(d)
	if name == h.Name {
		return fail("InvalidRequest", "Destination bucket cannot be the same as the source bucket.")
	}
	to, there, err := s.destination(ctx, name)
	if err != nil {
		return err
	}
	if to == nil {
		return fail("InvalidRequest", "Destination bucket must exist.")
	}
	if there == nil {
		return unserved("replication to the Region " + to.Region)
	}
	set, err := there.look(ctx, name)
	if err != nil {
		return err
	}
	if !set.versioned() {
		return fail("InvalidRequest", "Destination bucket must have versioning enabled.")
	}
	return nil
}

func malformedXML() error {
	return fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// unserved refuses what would be kept and not obeyed.
func unserved(what string) error {
	return refuse(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented: "+what)
}

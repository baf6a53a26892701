package s3

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxPolicy bounds a bucket's policy, in bytes (S3 User Guide, "Policies and permissions").
const maxPolicy = 20 << 10

func (s *Service) onPutPolicy(ctx context.Context, in *s3.PutBucketPolicyInput) (authz.Target, error) {
	return s.onPolicy(ctx, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetPolicy(ctx context.Context, in *s3.GetBucketPolicyInput) (authz.Target, error) {
	return s.onPolicy(ctx, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeletePolicy(ctx context.Context, in *s3.DeleteBucketPolicyInput) (authz.Target, error) {
	return s.onPolicy(ctx, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// onPolicy is onBucket for the calls by which a policy is kept: the root user of the
// bucket's account is let in whatever the policy denies, or nobody could take a policy
// away that shuts everybody out (S3 API Reference, DeleteBucketPolicy).
func (s *Service) onPolicy(ctx context.Context, c bucketCall) (authz.Target, error) {
	t, err := s.onBucket(ctx, "", c)
	if p := wire.CallFrom(ctx).Principal; p.Kind == iam.AccountRoot && p.Account == t.Account {
		t.Policy = ""
	}
	return t, err
}

// holdOwn is hold for calls that a policy can let no other account make.
func (s *Service) holdOwn(ctx context.Context, name string) (*held, error) {
	h, err := s.hold(ctx, name)
	if err == nil && wire.CallFrom(ctx).Account() != h.Account {
		return nil, fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	return h, err
}

func (s *Service) onPolicyStatus(ctx context.Context, in *s3.GetBucketPolicyStatusInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// PutBucketPolicy says who may do what with a bucket and its objects.
func (s *Service) PutBucketPolicy(ctx context.Context, in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
	document := *in.Policy
	if _, err := s.holdOwn(ctx, *in.Bucket); err != nil {
		return nil, err
	}
	if err := checkPolicy(*in.Bucket, document); err != nil {
		return nil, err
	}
	public := iam.Public(document)
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		if b := set.PublicAccess; public && b != nil && aws.ToBool(b.BlockPublicPolicy) {
			return denied()
		}
		set.Policy, set.PolicyPublic = document, public
		return nil
	})
	return &s3.PutBucketPolicyOutput{}, err
}

// GetBucketPolicy returns a bucket's policy as it was put.
func (s *Service) GetBucketPolicy(ctx context.Context, in *s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
	h, err := s.holdOwn(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Policy == "" {
		return nil, noPolicy()
	}
	return &s3.GetBucketPolicyOutput{Policy: &h.Policy}, nil
}

// GetBucketPolicyStatus tells whether a bucket's policy lets strangers in.
func (s *Service) GetBucketPolicyStatus(ctx context.Context, in *s3.GetBucketPolicyStatusInput) (*s3.GetBucketPolicyStatusOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if h.Policy == "" {
		return nil, noPolicy()
	}
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &types.PolicyStatus{IsPublic: &h.PolicyPublic}}, nil
}

// DeleteBucketPolicy takes a bucket's policy away.
func (s *Service) DeleteBucketPolicy(ctx context.Context, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	if _, err := s.holdOwn(ctx, *in.Bucket); err != nil {
		return nil, err
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Policy, set.PolicyPublic = "", false
		return nil
	})
	return &s3.DeleteBucketPolicyOutput{}, err
}

func noPolicy() error {
	return fail("NoSuchBucketPolicy", "The bucket policy does not exist")
}

// checkPolicy holds a policy to IAM's grammar, and its resources to the bucket.
func checkPolicy(bucket, document string) error {
	if len(document) > maxPolicy {
		return fail("MalformedPolicy", "Policies must be less than 20 KB in size")
	}
	if _, err := iam.Parse(document, iam.ResourcePolicy); err != nil {
		return fail("MalformedPolicy", err.Error())
	}
	for _, st := range statementsOf(document) {
		for _, r := range slices.Concat(st.Resource, st.NotResource) {
			own := bucketARN(bucket)
			if r != own && !strings.HasPrefix(r, own+"/") && r != own+"*" {
				return fail("MalformedPolicy", "Policy has invalid resource")
			}
		}
		for _, a := range slices.Concat(st.Action, st.NotAction) {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") {
				return fail("MalformedPolicy", "Policy has invalid action")
			}
		}
	}
	return nil
}

// texts is one string or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(b, &many)
	*t = many
	return err
}

// A policyStatement is what a bucket's policy may speak of; engine/iam decides by it.
type policyStatement struct {
	Action, NotAction, Resource, NotResource texts
}

// statementsOf reads a document that iam.Parse has taken.
func statementsOf(document string) []policyStatement {
	var many struct{ Statement []policyStatement }
	if json.Unmarshal([]byte(document), &many) == nil {
		return many.Statement
	}
	var one struct{ Statement policyStatement }
	if json.Unmarshal([]byte(document), &one) != nil {
		return nil // checkPolicy has refused what is no policy
	}
	return []policyStatement{one.Statement}
}

package ssm

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxPolicy bounds a resource policy in bytes (Systems Manager API Reference,
// ResourcePolicyLimitExceededException).
const maxPolicy = 1024

func badShare(message string, names ...string) error {
	return &types.ResourcePolicyInvalidParameterException{Message: &message, ParameterNames: names}
}

// notShared is the error for a resource that is no parameter of the caller's.
func notShared() error {
	return &types.ResourceNotFoundException{Message: aws.String("The specified parameter to be shared could not be found.")}
}

// shared is the parameter that a resource policy is about, by its ARN. Only the
// account that owns it has it to share.
func (s *Service) shared(ctx context.Context, resource string) (reference, error) {
	r := s.refer(wire.CallFrom(ctx).Account(), resource)
	switch {
	case !r.byARN || r.name == "" || r.selector != "" || !wellFormed(r.name):
		return r, badShare("The resource is not the ARN of a parameter.", "ResourceArn")
	case r.account != wire.CallFrom(ctx).Account():
		return r, notShared()
	}
	return r, nil
}

// PutResourcePolicy shares an advanced parameter with other accounts.
func (s *Service) PutResourcePolicy(ctx context.Context, in *ssm.PutResourcePolicyInput) (*ssm.PutResourcePolicyOutput, error) {
	r, err := s.shared(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := checkPolicy(*in.Policy); err != nil {
		return nil, err
	}
	id := uuid.NewString()
	err = s.edit(ctx, &r, func(_ *store.Tx, p *parameter) error {
		if err := p.checkShare(in); err != nil {
			return err
		}
		if p.Policy == "" {
			p.PolicyID = id
		}
		id, p.Policy = p.PolicyID, *in.Policy
		return nil
	})
	if err != nil {
		return nil, or(notShared(), err)
	}
	return &ssm.PutResourcePolicyOutput{PolicyId: &id, PolicyHash: aws.String(hashOf(*in.Policy))}, nil
}

// checkPolicy refuses a document that is no resource policy.
func checkPolicy(document string) error {
	if len(document) > maxPolicy {
		return &types.ResourcePolicyLimitExceededException{
			Limit: maxPolicy, LimitType: aws.String("ResourcePolicySize"), Message: aws.String("A policy can't be greater than 1024 bytes in size."),
		}
	}
	_, err := iam.Parse(document, iam.ResourcePolicy)
	if syntax, ok := errors.AsType[*iam.SyntaxError](err); ok {
		return &types.MalformedResourcePolicyDocumentException{Message: &syntax.Message}
	}
	return err
}

// checkShare refuses what cannot be shared, and a policy in place of another that
// the caller does not know (Systems Manager User Guide, "Working with shared
// parameters").
func (p *parameter) checkShare(in *ssm.PutResourcePolicyInput) error {
	switch {
	case !p.Latest.advanced():
		return badShare("To share a parameter, it must be in the advanced parameter tier.", "ResourceArn")
	case p.secure() && strings.HasSuffix(p.Latest.KeyID, defaultKey):
		return badShare("To share a SecureString parameter, it must be encrypted with a customer managed key.", "ResourceArn")
	case p.Policy == "" && in.PolicyId == nil:
		return nil
	case in.PolicyId == nil:
		return &types.ResourcePolicyLimitExceededException{
			Limit: 1, LimitType: aws.String("ResourcePolicyCount"), Message: aws.String("Only one policy can be attached to a parameter."),
		}
	}
	return p.checkHeld(in.PolicyId, in.PolicyHash)
}

// checkHeld refuses a caller that does not know the policy as it is.
func (p *parameter) checkHeld(id, hash *string) error {
	if p.Policy == "" || aws.ToString(id) != p.PolicyID {
		return &types.ResourcePolicyNotFoundException{Message: aws.String("No policies with the specified policy ID and hash could be found.")}
	}
	if !hmac.Equal([]byte(aws.ToString(hash)), []byte(hashOf(p.Policy))) {
		return &types.ResourcePolicyConflictException{Message: aws.String("The hash provided in the call doesn't match the stored hash.")}
	}
	return nil
}

func hashOf(policy string) string {
	sum := sha256.Sum256([]byte(policy))
	return hex.EncodeToString(sum[:])
}

// GetResourcePolicies returns the parameter's policy, if it has one.
func (s *Service) GetResourcePolicies(ctx context.Context, in *ssm.GetResourcePoliciesInput) (*ssm.GetResourcePoliciesOutput, error) {
	r, err := s.shared(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if _, err := position("ssm.GetResourcePolicies", in.NextToken); err != nil {
		return nil, badShare("The specified token is not valid.", "NextToken")
	}
	p, err := s.read(ctx, &r)
	if err != nil {
		return nil, or(notShared(), err)
	}
	out := &ssm.GetResourcePoliciesOutput{Policies: []types.GetResourcePoliciesResponseEntry{}}
	if p.Policy != "" {
		out.Policies = append(out.Policies, types.GetResourcePoliciesResponseEntry{
			Policy: &p.Policy, PolicyId: &p.PolicyID, PolicyHash: aws.String(hashOf(p.Policy)),
		})
	}
	return out, nil
}

// DeleteResourcePolicy ends the sharing.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *ssm.DeleteResourcePolicyInput) (*ssm.DeleteResourcePolicyOutput, error) {
	r, err := s.shared(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, &r, func(_ *store.Tx, p *parameter) error {
		if err := p.checkHeld(in.PolicyId, in.PolicyHash); err != nil {
			return err
		}
		p.Policy, p.PolicyID = "", ""
		return nil
	})
	if err != nil {
		return nil, or(notShared(), err)
	}
	return &ssm.DeleteResourcePolicyOutput{}, nil
}

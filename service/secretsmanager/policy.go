package secretsmanager

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxPolicy bounds a resource policy in bytes (Secrets Manager User Guide, "Quotas").
const maxPolicy = 20480

// checkPolicy refuses a document that is no resource policy.
func checkPolicy(document string) error {
	if len(document) > maxPolicy {
		return invalidParameter("The resource policy is larger than %d bytes.", maxPolicy)
	}
	_, err := iam.Parse(document, iam.ResourcePolicy)
	if syntax, ok := errors.AsType[*iam.SyntaxError](err); ok {
		return malformedPolicy(syntax.Message)
	}
	return err
}

// GetResourcePolicy returns a secret's policy as it was put.
func (s *Service) GetResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	row, err := s.active(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetResourcePolicyOutput{ARN: aws.String(row.arn()), Name: &row.Name, ResourcePolicy: text(row.Policy)}, nil
}

// PutResourcePolicy sets a secret's policy, in the place of the one that it has.
func (s *Service) PutResourcePolicy(ctx context.Context, in *secretsmanager.PutResourcePolicyInput) (*secretsmanager.PutResourcePolicyOutput, error) {
	if err := checkPolicy(*in.ResourcePolicy); err != nil {
		return nil, err
	}
	if aws.ToBool(in.BlockPublicPolicy) && iam.Public(*in.ResourcePolicy) {
		return nil, &types.PublicPolicyException{Message: aws.String(broad)}
	}
	row, err := s.edit(ctx, in.SecretId, func(_ *store.Tx, row *secret) error {
		row.Policy = *in.ResourcePolicy
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutResourcePolicyOutput{ARN: aws.String(row.arn()), Name: &row.Name}, nil
}

// DeleteResourcePolicy takes a secret's policy away. None is no error.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *secretsmanager.DeleteResourcePolicyInput) (*secretsmanager.DeleteResourcePolicyOutput, error) {
	row, err := s.edit(ctx, in.SecretId, func(_ *store.Tx, row *secret) error {
		row.Policy = ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DeleteResourcePolicyOutput{ARN: aws.String(row.arn()), Name: &row.Name}, nil
}

const (
	broad   = "The resource policy grants broad access to the secret. Name the principals, or limit who they may be by a condition."
	lockout = "The resource policy would not let the caller change it again."
)

// ValidateResourcePolicy tells whether a policy is one, whether it grants broad
// access and whether it would shut out the caller.
func (s *Service) ValidateResourcePolicy(ctx context.Context, in *secretsmanager.ValidateResourcePolicyInput) (*secretsmanager.ValidateResourcePolicyOutput, error) {
	if err := checkPolicy(*in.ResourcePolicy); err != nil {
		return nil, err
	}
	out := &secretsmanager.ValidateResourcePolicyOutput{}
	fails := func(check, message string) {
		out.ValidationErrors = append(out.ValidationErrors, types.ValidationErrorsEntry{CheckName: &check, ErrorMessage: &message})
	}
	if iam.Public(*in.ResourcePolicy) {
		fails("PublicPolicy", broad)
	}
	if in.SecretId != nil {
		shutOut, err := s.shutsOut(ctx, in)
		if err != nil {
			return nil, err
		}
		if shutOut {
			fails("PolicyLockout", lockout)
		}
	}
	out.PolicyValidationPassed = len(out.ValidationErrors) == 0
	return out, nil
}

// shutsOut reports whether the caller, who may put a policy now, might no longer
// under the new one.
func (s *Service) shutsOut(ctx context.Context, in *secretsmanager.ValidateResourcePolicyInput) (bool, error) {
	if _, err := s.active(ctx, in.SecretId); err != nil {
		return false, err
	}
	t, _, err := s.target(ctx, *in.SecretId, nil)
	if err != nil {
		return false, err
	}
	t.Action, t.Policy = "secretsmanager:PutResourcePolicy", *in.ResourcePolicy
	err = wire.CallFrom(ctx).Check(ctx, t)
	if _, denied := errors.AsType[*authz.Denied](err); denied {
		return true, nil
	}
	return false, err
}

package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// GetCallerIdentity tells callers who they are. It needs no permission, and none
// can deny it.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := wire.CallFrom(ctx).Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.ID}, nil
}

func (s *Service) onIdentity(context.Context, *sts.GetCallerIdentityInput) (authz.Target, error) {
	return authz.Open(), nil
}

// GetAccessKeyInfo returns the account that an access key id carries, whether
// such a key exists or not.
func (s *Service) GetAccessKeyInfo(_ context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	account, ok := authz.AccountOf(*in.AccessKeyId)
	if !ok {
		return nil, unfit("Invalid Access Key ID: " + *in.AccessKeyId)
	}
	return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
}

func (s *Service) onAccessKey(ctx context.Context, _ *sts.GetAccessKeyInfoInput) (authz.Target, error) {
	return authz.Any(), admit(wire.CallFrom(ctx).Principal, "GetAccessKeyInfo")
}

// admit refuses the temporary credentials of users, which AWS keeps out of all of
// STS but AssumeRole and GetCallerIdentity (IAM User Guide, "Compare AWS STS
// credentials").
func admit(caller *authz.Principal, operation string) error {
	if caller.Session != nil && caller.Kind != iam.RoleSession {
		return sessionMayNot(operation)
	}
	return nil
}

// longTerm refuses all callers who are sessions.
func longTerm(caller *authz.Principal, operation string) error {
	if caller.Session == nil && (caller.Kind == iam.User || caller.Kind == iam.AccountRoot) {
		return nil
	}
	return sessionMayNot(operation)
}

func sessionMayNot(operation string) error {
	return denied("Cannot call " + operation + " with session credentials")
}

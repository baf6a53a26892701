package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// How long the sessions of users last (STS API Reference, GetSessionToken,
// GetFederationToken).
const (
	maxSession  = 36 * time.Hour
	defaultUser = 12 * time.Hour
	maxRoot     = time.Hour
)

// GetSessionToken gives a user, or an account's root, temporary credentials that
// act as the caller does.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	caller := wire.CallFrom(ctx).Principal
	factor, err := s.secondFactor(ctx, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	c := &claims{
		Kind: caller.Kind, ARN: caller.ARN, Account: caller.Account, ID: caller.ID, Name: caller.Name,
		Tags: caller.Tags, Issuer: issuerOf(caller), MFA: factor,
	}
	credentials, err := s.issue(ctx, c, userLength(caller, in.DurationSeconds))
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: credentials}, nil
}

// GetFederationToken gives credentials for somebody of whom IAM knows nothing:
// they may do what both the caller and the session policy allow, so without a
// policy nothing.
func (s *Service) GetFederationToken(ctx context.Context, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	caller := wire.CallFrom(ctx).Principal
	c := &claims{
		Kind: iam.FederatedUser, ARN: federatedARN(caller.Account, *in.Name), Account: caller.Account,
		ID: caller.Account + ":" + *in.Name, Name: *in.Name, Tags: caller.Tags, Issuer: issuerOf(caller),
	}
	c.Given.Policies = []string{}
	if err := c.Given.giveTags(nil, in.Tags, nil); err != nil {
		return nil, err
	}
	if err := s.givePolicies(ctx, c, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	size, err := c.Given.packedSize()
	if err != nil {
		return nil, err
	}
	out := &sts.GetFederationTokenOutput{FederatedUser: &types.FederatedUser{Arn: &c.ARN, FederatedUserId: &c.ID}}
	if in.Policy != nil || len(in.PolicyArns) > 0 || len(in.Tags) > 0 {
		out.PackedPolicySize = &size
	}
	out.Credentials, err = s.issue(ctx, c, userLength(caller, in.DurationSeconds))
	return out, err
}

func federatedARN(account, name string) string {
	return arn.New("sts", "", account, "federated-user/"+name)
}

// onSession lets every user in: policies can't speak to GetSessionToken, whose
// purpose is to prove who one is (IAM User Guide, "Permissions for
// GetSessionToken").
func (s *Service) onSession(ctx context.Context, _ *sts.GetSessionTokenInput) (authz.Target, error) {
	return authz.Open(), longTerm(wire.CallFrom(ctx).Principal, "GetSessionToken")
}

func (s *Service) onFederation(ctx context.Context, in *sts.GetFederationTokenInput) (authz.Target, error) {
	caller := wire.CallFrom(ctx).Principal
	if err := longTerm(caller, "GetFederationToken"); err != nil {
		return authz.Target{}, err
	}
	t := authz.On(federatedARN(caller.Account, *in.Name))
	if len(in.Tags) == 0 {
		return t, nil
	}
	var g given
	if err := g.giveTags(nil, in.Tags, nil); err != nil {
		return t, err
	}
	t.Conditions = map[string][]string{}
	g.conditions(t.Conditions)
	tag := t
	tag.Action = actionTag
	t.And = []authz.Target{tag}
	return t, nil
}

func issuerOf(caller *authz.Principal) issuer {
	kind := "User"
	if caller.Kind == iam.AccountRoot {
		kind = "Root"
	}
	return issuer{Kind: kind, ARN: caller.ARN, ID: caller.ID, Name: caller.Name}
}

// userLength is how long a session lasts: for an hour at most where the caller
// is root, whatever was asked for.
func userLength(caller *authz.Principal, seconds *int32) time.Duration {
	d := defaultUser
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if caller.Kind == iam.AccountRoot {
		d = min(d, maxRoot)
	}
	return d
}

package sts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const actionWebIdentity = "sts:AssumeRoleWithWebIdentity"

// AssumeRoleWithWebIdentity gives credentials of a role that trusts the OpenID
// Connect provider whose token the caller has. The caller has been verified by
// then: only onWebIdentity makes a call a web identity's.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	caller := wire.CallFrom(ctx).Principal
	if caller.Kind != iam.WebIdentity {
		return nil, denied("Not authorized to perform " + actionWebIdentity)
	}
	token, err := federation.ParseToken(*in.WebIdentityToken)
	if err != nil {
		return nil, refused(err)
	}
	v, err := webVisitor(caller, token, in)
	if err != nil {
		return nil, err
	}
	g, err := s.admitted(ctx, v, request{policy: in.Policy, managed: in.PolicyArns, seconds: in.DurationSeconds})
	if err != nil {
		return nil, err
	}
	client, _ := token.Client()
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: g.credentials, AssumedRoleUser: g.user, PackedPolicySize: g.size, SourceIdentity: g.source,
		Audience: &client, Provider: &token.Issuer, SubjectFromWebIdentityToken: &token.Subject,
	}, nil
}

// onWebIdentity verifies the token, and asks the role's trust policy.
func (s *Service) onWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (authz.Target, error) {
	if in.ProviderId != nil {
		return authz.Target{}, fail("NotImplemented", "OAuth 2.0 access tokens are not supported.")
	}
	account, err := roleAccount(*in.RoleArn)
	if err != nil {
		return authz.Target{}, err
	}
	token, err := federation.ParseToken(*in.WebIdentityToken)
	if err != nil {
		return authz.Target{}, refused(err)
	}
	caller, err := s.identify(ctx, account, token)
	if err != nil {
		return authz.Target{}, err
	}
	v, err := webVisitor(caller, token, in)
	if err != nil {
		return authz.Target{}, err
	}
	return s.onVisitor(ctx, v, actionWebIdentity)
}

// identify verifies a token by the keys of the provider that the account knows its
// issuer by.
func (s *Service) identify(ctx context.Context, account string, token *federation.Token) (*authz.Principal, error) {
	p, err := s.oidcProvider(ctx, account, token.Issuer)
	if err != nil {
		return nil, err
	}
	keys, err := s.issuers.keys(ctx, p, token)
	if err != nil {
		return nil, err
	}
	if err := token.Verify(keys, s.clock.Now()); err != nil {
		return nil, refused(err)
	}
	client, ok := token.Client()
	if !ok || !slices.Contains(p.ClientIDs, client) {
		return nil, untrusted("Incorrect token audience")
	}
	return &authz.Principal{
		Principal: iam.Principal{
			Kind: iam.WebIdentity, Account: account, Provider: p.ARN, ID: p.ARN + ":" + client + ":" + token.Subject,
		},
		Name: token.Subject,
	}, nil
}

func (s *Service) oidcProvider(ctx context.Context, account, issuer string) (*federation.OIDCProvider, error) {
	unknown := untrusted("No OpenIDConnect provider found in your account for " + issuer)
	if s.providers == nil {
		return nil, unknown
	}
	p, err := s.providers.OIDCProvider(ctx, account, issuer)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("read the provider of a token: %w", err)
	}
	return p, nil
}

// webVisitor is who a verified token is of. Its condition keys begin with the
// provider's address (IAM User Guide, "IAM and AWS STS condition context keys",
// "Available keys for AWS OIDC federation").
func webVisitor(caller *authz.Principal, token *federation.Token, in *sts.AssumeRoleWithWebIdentityInput) (*visitor, error) {
	g, err := visitorTags(token.Tags, token.Transitive)
	if err != nil {
		return nil, err
	}
	address := token.Issuer[len("https://"):] // the provider was found by it
	client, _ := token.Client()
	aud, sub, amr := lower(address, "aud"), lower(address, "sub"), lower(address, "amr")
	keys := map[string][]string{aud: {client}, sub: {token.Subject}}
	if len(token.Methods) > 0 {
		keys[amr] = token.Methods
	}
	if token.AuthorizedParty != "" {
		keys[lower(address, "oaud")] = token.Audience
	}
	if token.Email != "" {
		keys[lower(address, "email")] = []string{token.Email}
	}
	return &visitor{
		principal: caller, role: *in.RoleArn, session: *in.RoleSessionName, source: token.SourceIdentity,
		given: g, keys: keys, kept: []string{aud, sub, amr},
	}, nil
}

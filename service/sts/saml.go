package sts

import (
	"context"
	"crypto/sha1" //nolint:gosec // AWS's NameQualifier is one; it proves nothing
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const actionSAML = "sts:AssumeRoleWithSAML"

// AssumeRoleWithSAML gives credentials of a role that trusts the SAML provider
// whose response the caller has. The response is verified again here, as it was
// for the trust policy: what was signed is in it alone.
func (s *Service) AssumeRoleWithSAML(ctx context.Context, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	account, err := roleAccount(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	a, v, err := s.samlVisitor(ctx, account, in)
	if err != nil {
		return nil, err
	}
	g, err := s.admitted(ctx, v, request{policy: in.Policy, managed: in.PolicyArns, seconds: in.DurationSeconds, ends: a.SessionEnds})
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithSAMLOutput{
		Credentials: g.credentials, AssumedRoleUser: g.user, PackedPolicySize: g.size, SourceIdentity: g.source,
		Subject: &a.Subject, SubjectType: aws.String(a.SubjectType()), Issuer: &a.Issuer, Audience: &a.Recipient,
		NameQualifier: aws.String(nameQualifier(a.Issuer, account, *in.PrincipalArn)),
	}, nil
}

// onSAML verifies the response, and asks the role's trust policy.
func (s *Service) onSAML(ctx context.Context, in *sts.AssumeRoleWithSAMLInput) (authz.Target, error) {
	account, err := roleAccount(*in.RoleArn)
	if err != nil {
		return authz.Target{}, err
	}
	_, v, err := s.samlVisitor(ctx, account, in)
	if err != nil {
		return authz.Target{}, err
	}
	return s.onVisitor(ctx, v, actionSAML)
}

// samlVisitor verifies a response by the metadata of the provider that the caller
// names, which must be in the role's account.
func (s *Service) samlVisitor(ctx context.Context, account string, in *sts.AssumeRoleWithSAMLInput) (*federation.Assertion, *visitor, error) {
	m, err := s.samlProvider(ctx, account, *in.PrincipalArn)
	if err != nil {
		return nil, nil, err
	}
	// The time of the call: the handler must not find expired what was good when it
	// was asked about.
	a, err := m.Verify(*in.SAMLAssertion, wire.CallFrom(ctx).Time)
	if err != nil {
		return nil, nil, refused(err)
	}
	qualifier := nameQualifier(a.Issuer, account, *in.PrincipalArn)
	caller := &authz.Principal{
		Principal: iam.Principal{Kind: iam.SAML, Account: account, Provider: *in.PrincipalArn, ID: qualifier + ":" + a.Subject},
		Name:      a.Subject,
	}
	wire.CallFrom(ctx).Principal = caller // who is refused from here on, has a name in the event
	if !a.May(*in.RoleArn, *in.PrincipalArn) {
		return nil, nil, &authz.Denied{Principal: caller, Action: actionSAML, Resource: *in.RoleArn}
	}
	g, err := visitorTags(a.Tags, a.Transitive)
	if err != nil {
		return nil, nil, err
	}
	return a, &visitor{
		principal: caller, role: *in.RoleArn, session: a.SessionName, source: a.SourceIdentity, given: g,
		keys: samlKeys(a, account, qualifier, *in.PrincipalArn), kept: []string{"saml:namequalifier", "saml:sub", "saml:sub_type"},
	}, nil
}

func (s *Service) samlProvider(ctx context.Context, account, provider string) (*federation.Metadata, error) {
	unknown := untrusted("Specified provider doesn't exist")
	if s.providers == nil {
		return nil, unknown
	}
	m, err := s.providers.SAMLProvider(ctx, account, provider)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, fmt.Errorf("read the provider %s: %w", provider, err)
	}
	return m, nil
}

// samlKeys are the condition keys of an assertion (IAM User Guide, "IAM and AWS STS
// condition context keys", "Available keys for SAML-based AWS STS federation").
func samlKeys(a *federation.Assertion, account, qualifier, provider string) map[string][]string {
	keys := map[string][]string{}
	maps.Copy(keys, a.Keys)
	keys["saml:aud"], keys["saml:iss"], keys["saml:sub"] = []string{a.Recipient}, []string{a.Issuer}, []string{a.Subject}
	keys["saml:namequalifier"] = []string{qualifier}
	keys["saml:doc"] = []string{account + "/" + friendly(provider)}
	if t := a.SubjectType(); t != "" {
		keys["saml:sub_type"] = []string{t}
	}
	return keys
}

// nameQualifier tells a provider's users apart from those of others (STS API
// Reference, AssumeRoleWithSAML, NameQualifier).
func nameQualifier(issuer, account, provider string) string {
	sum := sha1.Sum([]byte(issuer + account + "/" + friendly(provider))) //nolint:gosec // as AWS defines it
	return base64.StdEncoding.EncodeToString(sum[:])
}

// friendly is a provider's name, the last part of its ARN.
func friendly(provider string) string { return provider[strings.LastIndexByte(provider, '/')+1:] }

package sts

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Actions that AssumeRole asks for (Service Authorization Reference, AWS
// Security Token Service).
const (
	actionAssume = "sts:AssumeRole"
	actionTag    = "sts:TagSession"
	actionSource = "sts:SetSourceIdentity"
)

// defaultRole is how long a role session lasts if the caller doesn't say, and
// how long it lasts at most if its caller is one too.
const defaultRole = time.Hour

// AssumeRole gives credentials of a role that trusts the caller.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	caller := wire.CallFrom(ctx).Principal
	role, err := s.role(ctx, *in.RoleArn)
	if errors.Is(err, store.ErrNotFound) { // only where no policy is asked: else that has been the answer
		return nil, &authz.Denied{Principal: caller, Action: actionAssume, Resource: *in.RoleArn, Hide: named(*in.RoleArn)}
	}
	if err != nil {
		return nil, err
	}
	lasts, err := sessionLength(role, caller, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	c := roleClaims(role, *in.RoleSessionName)
	if err := s.fill(ctx, c, in); err != nil {
		return nil, err
	}
	return s.assume(ctx, c, lasts)
}

// fill adds to the claims what the caller gives for the session.
func (s *Service) fill(ctx context.Context, c *claims, in *sts.AssumeRoleInput) (err error) {
	caller := wire.CallFrom(ctx).Principal
	if c.MFA, err = s.secondFactor(ctx, in.SerialNumber, in.TokenCode); err != nil {
		return err
	}
	if len(in.ProvidedContexts) > 0 {
		return fail("NotImplemented", "ProvidedContexts is not supported.")
	}
	if c.SourceIdentity, err = sourceIdentity(caller, in.SourceIdentity); err != nil {
		return err
	}
	if err := c.Given.giveTags(caller.Session, in.Tags, in.TransitiveTagKeys); err != nil {
		return err
	}
	return s.givePolicies(ctx, c, in.Policy, in.PolicyArns)
}

func (s *Service) assume(ctx context.Context, c *claims, lasts time.Duration) (*sts.AssumeRoleOutput, error) {
	out := &sts.AssumeRoleOutput{AssumedRoleUser: &types.AssumedRoleUser{Arn: &c.ARN, AssumedRoleId: &c.ID}}
	size, err := c.Given.packedSize()
	if err != nil {
		return nil, err
	}
	if c.Given.Policies != nil || len(c.Given.Tags) > 0 { // what was passed, or handed down
		out.PackedPolicySize = &size
	}
	if c.SourceIdentity != "" {
		out.SourceIdentity = &c.SourceIdentity
	}
	out.Credentials, err = s.issue(ctx, c, lasts)
	return out, err
}

// roleClaims are the claims of a session of a role.
func roleClaims(r *authz.Role, session string) *claims {
	return &claims{
		Kind: iam.RoleSession, Account: r.Account, Name: session, RoleARN: r.ARN, Tags: r.Tags,
		ARN:    arn.New("sts", "", r.Account, "assumed-role/"+r.Name+"/"+session),
		ID:     r.ID + ":" + session,
		Issuer: issuer{Kind: "Role", ARN: r.ARN, ID: r.ID, Name: r.Name},
	}
}

// sessionLength applies the limits of the role and of role chaining (IAM User
// Guide, "Methods to assume a role").
func sessionLength(r *authz.Role, caller *authz.Principal, seconds *int32) (time.Duration, error) {
	if seconds == nil {
		return defaultRole, nil
	}
	d := time.Duration(*seconds) * time.Second
	if caller.Kind == iam.RoleSession && d > defaultRole {
		return 0, unfit("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if d > r.MaxSession {
		return 0, unfit("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

// sourceIdentity is the one asked for, or the one that the caller's session has,
// which can't be changed (IAM User Guide, "Monitor and control actions taken with
// assumed roles").
func sourceIdentity(caller *authz.Principal, asked *string) (string, error) {
	held := ""
	if caller.Session != nil {
		held = caller.Session.SourceIdentity
	}
	if asked == nil {
		return held, nil
	}
	if held != "" && held != *asked {
		return "", denied("The source identity of the calling session can't be changed.")
	}
	return *asked, nil
}

// onRole asks the role's trust policy. An absent role trusts nobody, and so
// reads like one that refuses.
func (s *Service) onRole(ctx context.Context, in *sts.AssumeRoleInput) (authz.Target, error) {
	caller := wire.CallFrom(ctx).Principal
	t := authz.Target{
		Action: actionAssume, Resource: *in.RoleArn, Type: "AWS::IAM::Role",
		TrustPolicy: true, PolicyDecides: true, Hide: named(*in.RoleArn),
	}
	if err := s.mayAssume(caller); err != nil {
		return t, err
	}
	account, _, ok := roleName(*in.RoleArn)
	if !ok {
		return t, unfit(*in.RoleArn + " is invalid")
	}
	t.Account = account
	role, err := s.role(ctx, *in.RoleArn)
	if err == nil {
		t.Policy, t.Tags = role.TrustPolicy, role.Tags
	} else if !errors.Is(err, store.ErrNotFound) {
		return t, err
	}
	if err := ask(&t, caller, in); err != nil {
		return t, err
	}
	factor, err := s.secondFactor(ctx, in.SerialNumber, in.TokenCode)
	if factor {
		t.Conditions[multiFactor] = []string{"true"}
		t.Conditions["aws:multifactorauthage"] = []string{"0"}
	}
	return t, err
}

// mayAssume refuses callers whom no trust policy can let in.
func (s *Service) mayAssume(caller *authz.Principal) error {
	switch {
	case caller.Kind == iam.AccountRoot && !s.rootMayAssume:
		return denied("Roles may not be assumed by root accounts.")
	case caller.Kind == iam.FederatedUser:
		return sessionMayNot("AssumeRole")
	default:
		return nil
	}
}

// ask adds the condition keys to t, and the further permissions that tags and a
// source identity need, handed down ones too.
func ask(t *authz.Target, caller *authz.Principal, in *sts.AssumeRoleInput) error {
	var g given
	if err := g.giveTags(caller.Session, in.Tags, in.TransitiveTagKeys); err != nil {
		return err
	}
	source, err := sourceIdentity(caller, in.SourceIdentity)
	if err != nil {
		return err
	}
	t.Conditions = map[string][]string{"sts:rolesessionname": {*in.RoleSessionName}}
	if in.ExternalId != nil {
		t.Conditions["sts:externalid"] = []string{*in.ExternalId}
	}
	if source != "" {
		t.Conditions["sts:sourceidentity"] = []string{source}
	}
	g.conditions(t.Conditions)
	also := *t
	also.Type = "" // the event names the role once
	if len(g.Tags) > 0 {
		also.Action = actionTag
		t.And = append(t.And, also)
	}
	if source != "" {
		also.Action = actionSource
		t.And = append(t.And, also)
	}
	return nil
}

// role returns the role of that ARN, or store.ErrNotFound.
func (s *Service) role(ctx context.Context, roleARN string) (*authz.Role, error) {
	account, name, ok := roleName(roleARN)
	if !ok {
		return nil, store.ErrNotFound
	}
	r, err := s.roles.Role(ctx, account, name)
	if err == nil && r.ARN != roleARN { // another path, or another case
		return nil, store.ErrNotFound
	}
	return r, err
}

// roleName takes a role's ARN apart.
func roleName(roleARN string) (account, name string, ok bool) {
	a, err := arn.Parse(roleARN)
	path, isRole := strings.CutPrefix(a.Resource, "role/")
	name = path[strings.LastIndexByte(path, '/')+1:]
	return a.AccountID, name, err == nil && a.Service == "iam" && isRole && name != "" && arn.IsAccount(a.AccountID)
}

// named is the whole of what a denial tells: whether the role exists, and why
// it refuses, is its account's business.
func named(roleARN string) string { return "on resource: " + roleARN }

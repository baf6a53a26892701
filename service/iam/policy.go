package iam

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A policy is a managed policy. It holds the document of its default version,
// which is the one in force; the versions table has all of them.
type policy struct {
	// Account owns the policy; awsManaged owns those that come with the program.
	Account    string
	Name, Path string
	ID         string
	Created    time.Time
	Updated    time.Time
	// Default is the number of the version in force, Last the newest that there was.
	Default, Last int
	Description   string
	Document      string
	Tags          map[string]string

	// written is the document of a policy that comes with the program.
	written func() string

	compiled atomic.Pointer[engine.Policy]
}

const (
	// awsManaged stands in the ARN of AWS's own policies in an account's place.
	awsManaged = "aws"
	policyID   = "ANPA"
	policyNoun = "policy"
	// maxPolicy is a managed policy's length without white space.
	maxPolicy = 6144
)

var policies = store.NewTable("iam.policy",
	func(p *policy) store.Key { return store.K(p.Account, fold(p.Name)) }, store.Cached[policy](cachedRows))

func (s *Service) policyOperations() []wire.Operation {
	return []wire.Operation{
		op(s.onNewPolicy, s.CreatePolicy),
		op(onPolicy(s, func(in *iam.GetPolicyInput) *string { return in.PolicyArn }), s.GetPolicy),
		op(s.onPolicies, s.ListPolicies),
		op(onPolicy(s, func(in *iam.DeletePolicyInput) *string { return in.PolicyArn }), s.DeletePolicy),
		op(onPolicy(s, func(in *iam.CreatePolicyVersionInput) *string { return in.PolicyArn }), s.CreatePolicyVersion),
		op(onPolicy(s, func(in *iam.GetPolicyVersionInput) *string { return in.PolicyArn }), s.GetPolicyVersion),
		op(onPolicy(s, func(in *iam.ListPolicyVersionsInput) *string { return in.PolicyArn }), s.ListPolicyVersions),
		op(onPolicy(s, func(in *iam.SetDefaultPolicyVersionInput) *string { return in.PolicyArn }), s.SetDefaultPolicyVersion),
		op(onPolicy(s, func(in *iam.DeletePolicyVersionInput) *string { return in.PolicyArn }), s.DeletePolicyVersion),
	}
}

// text is the document in force.
func (p *policy) text() string {
	if p.written != nil {
		return p.written()
	}
	return p.Document
}

func (p *policy) arn() string {
	return arn.New("iam", "", p.Account, "policy"+p.Path+p.Name)
}

// policyName takes a managed policy's ARN apart.
func policyName(name string) (account, path, last string, err error) {
	a, err := arn.Parse(name)
	rest, ok := strings.CutPrefix(a.Resource, "policy/")
	if err != nil || !ok || a.Service != "iam" || a.Region != "" || a.AccountID == "" {
		return "", "", "", invalid("ARN " + name + " is not valid.")
	}
	i := strings.LastIndexByte(rest, '/') + 1
	return a.AccountID, "/" + rest[:i], rest[i:], nil
}

// policy returns the managed policy with that ARN that an account may attach:
// its own, and AWS's. It fails with store.ErrNotFound.
func (s *Service) policy(tx *store.Tx, account, name string) (*policy, error) {
	if p, ok := s.managed[name]; ok {
		return p, nil
	}
	owner, _, last, err := policyName(name)
	if err != nil {
		return nil, err
	}
	if owner != account {
		return nil, store.ErrNotFound
	}
	p, err := policies.Get(tx, account, fold(last))
	if err == nil && p.arn() != name {
		return nil, store.ErrNotFound // the same name below another path
	}
	return p, err
}

// onPolicy asks for the operation's action on the managed policy that name reads
// from the input.
func onPolicy[I any](s *Service, name func(*I) *string, details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		t := authz.On(*name(in))
		t.Display = "policy " + t.Resource
		p, err := s.viewPolicy(ctx, t.Resource)
		var missing *types.NoSuchEntityException
		switch {
		case errors.As(err, &missing):
			t.Missing = missing
		case err != nil:
			return t, err
		default:
			t.Tags = p.Tags
		}
		t.Conditions = conditions(in, nil, details)
		if owner, _, _, err := policyName(t.Resource); err == nil && owner != awsManaged {
			t.Account = owner
		}
		return t, nil
	}
}

func (s *Service) onNewPolicy(ctx context.Context, in *iam.CreatePolicyInput) (authz.Target, error) {
	p := policy{Account: wire.CallFrom(ctx).Account(), Name: *in.PolicyName, Path: pathOf(in.Path)}
	t := authz.On(p.arn())
	t.Conditions = conditions(in, nil, []detail[iam.CreatePolicyInput]{
		tagged(func(in *iam.CreatePolicyInput) []types.Tag { return in.Tags }),
	})
	return tagging(t, "Policy"), nil
}

// onPolicies asks for what AWS names no ARN for: "policy path /".
func (s *Service) onPolicies(_ context.Context, in *iam.ListPoliciesInput) (authz.Target, error) {
	return authz.On("policy path " + pathOf(in.PathPrefix)), nil
}

// viewPolicy reads a managed policy for the caller.
func (s *Service) viewPolicy(ctx context.Context, name string) (p *policy, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = s.policy(tx, account, name)
		return err
	})
	return p, unknownPolicy(err, name)
}

func unknownPolicy(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return noSuch("Policy " + name + " was not found.")
	}
	return err
}

// updatePolicy lets fn work in a transaction on the caller's own managed policy.
func (s *Service) updatePolicy(ctx context.Context, name string, fn func(*store.Tx, *policy) error) error {
	if s.managed[name] != nil {
		return &smithy.GenericAPIError{Code: "AccessDenied", Message: "Policy " + name + " is managed by AWS and cannot be changed."}
	}
	account := wire.CallFrom(ctx).Account()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := s.policy(tx, account, name)
		if err != nil {
			return unknownPolicy(err, name)
		}
		return fn(tx, p)
	})
}

// changePolicy is updatePolicy that keeps the row.
func (s *Service) changePolicy(ctx context.Context, name string, fn func(*store.Tx, *policy) error) error {
	return s.updatePolicy(ctx, name, func(tx *store.Tx, p *policy) error {
		if err := fn(tx, p); err != nil {
			return err
		}
		return policies.Put(tx, p)
	})
}

// checkPolicy refuses a document that cannot be a managed policy.
func (s *Service) checkPolicy(document string) error {
	if err := s.checkDocument(document, engine.IdentityPolicy); err != nil {
		return err
	}
	if size(document) > maxPolicy {
		return over("PolicySize", maxPolicy)
	}
	return nil
}

// CreatePolicy makes a managed policy with one version.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.checkPolicy(*in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.now()
	p := &policy{
		Account: account, Name: *in.PolicyName, Path: pathOf(in.Path), ID: newID(policyID, account),
		Created: now, Updated: now, Default: 1, Last: 1,
		Description: aws.ToString(in.Description), Document: *in.PolicyDocument, Tags: tags,
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := policies.Insert(tx, p); err != nil {
			return err
		}
		if err := firstError(count(tx, account, policyNoun, 1), count(tx, account, versionNoun, 1)); err != nil {
			return err
		}
		return versions.Insert(tx, p.version(1, now, p.Document))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("A policy called " + p.Name + " already exists. Duplicate names are not allowed.")
	}
	if err != nil {
		return nil, err
	}
	out := p.api(usage{})
	out.Tags = apiTags(p.Tags)
	return &iam.CreatePolicyOutput{Policy: out}, nil
}

// api is the policy as lists answer it.
func (p *policy) api(u usage) *types.Policy {
	return &types.Policy{
		Arn: aws.String(p.arn()), AttachmentCount: aws.Int32(u.Attached), CreateDate: &p.Created,
		DefaultVersionId: aws.String(versionID(p.Default)), IsAttachable: true, Path: &p.Path,
		PermissionsBoundaryUsageCount: aws.Int32(u.Boundaries), PolicyId: &p.ID, PolicyName: &p.Name, UpdateDate: &p.Updated,
	}
}

func versionID(n int) string { return "v" + strconv.Itoa(n) }

// GetPolicy returns a managed policy.
func (s *Service) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	account := wire.CallFrom(ctx).Account()
	var out *types.Policy
	err := s.db.View(ctx, func(tx *store.Tx) error {
		p, err := s.policy(tx, account, *in.PolicyArn)
		if err != nil {
			return unknownPolicy(err, *in.PolicyArn)
		}
		u, err := usageOf(tx, account, *in.PolicyArn)
		if err != nil {
			return err
		}
		out = p.api(*u)
		out.Tags = apiTags(p.Tags)
		if p.Description != "" {
			out.Description = &p.Description
		}
		return nil
	})
	return &iam.GetPolicyOutput{Policy: out}, err
}

// ListPolicies lists managed policies by name, the account's own first.
func (s *Service) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	p, err := newPager("iam.ListPolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for row, err := range s.attachable(tx, account, in.Scope) {
			if err != nil {
				return err
			}
			position := row.position()
			if position <= p.after || !under(row.Path, in.PathPrefix) {
				continue
			}
			u, err := usageOf(tx, account, row.arn())
			if err != nil {
				return err
			}
			if !u.wanted(in) {
				continue
			}
			if !p.take(position) {
				return nil
			}
			out.Policies = append(out.Policies, *row.api(*u))
		}
		return nil
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// position orders own policies before AWS's, whose account is a word.
func (p *policy) position() string { return p.Account + "/" + fold(p.Name) }

// attachable yields the policies that an account may attach, in their positions' order.
func (s *Service) attachable(tx *store.Tx, account string, scope types.PolicyScopeType) func(func(*policy, error) bool) {
	return func(yield func(*policy, error) bool) {
		if scope != types.PolicyScopeTypeAws {
			for p, err := range policies.Scan(tx, store.Range{Prefix: store.K(account)}) {
				if !yield(p, err) {
					return
				}
			}
		}
		if scope == types.PolicyScopeTypeLocal {
			return
		}
		for _, p := range s.listed {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// DeletePolicy deletes a managed policy that nobody uses, with its one version.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	err := s.updatePolicy(ctx, *in.PolicyArn, func(tx *store.Tx, p *policy) error {
		u, err := usageOf(tx, p.Account, *in.PolicyArn)
		if err != nil {
			return err
		}
		if u.Attached > 0 || u.Boundaries > 0 {
			return conflict("Cannot delete a policy attached to entities.")
		}
		all, err := p.versions(tx)
		if err != nil {
			return err
		}
		if len(all) > 1 {
			return conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return firstError(
			versions.Delete(tx, p.Account, fold(p.Name), p.Default), policies.Delete(tx, p.Account, fold(p.Name)),
			count(tx, p.Account, policyNoun, -1), count(tx, p.Account, versionNoun, -1),
		)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyOutput{}, nil
}

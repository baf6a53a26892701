package iam

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxAttached is how many managed policies an entity may have.
const maxAttached = 10

// A usage counts an account's entities that have a managed policy. A policy that
// nobody has, has no row.
type usage struct {
	Account, ARN         string
	Attached, Boundaries int32
}

var usages = store.NewTable("iam.usage", func(u *usage) store.Key { return store.K(u.Account, u.ARN) })

func usageOf(tx *store.Tx, account, name string) (*usage, error) {
	u, err := usages.Get(tx, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return &usage{Account: account, ARN: name}, nil
	}
	return u, err
}

// wanted reports whether a list with these filters has the policy.
func (u *usage) wanted(in *iam.ListPoliciesInput) bool {
	switch in.PolicyUsageFilter {
	case types.PolicyUsageTypePermissionsPolicy:
		if u.Attached == 0 {
			return false
		}
	case types.PolicyUsageTypePermissionsBoundary:
		if u.Boundaries == 0 {
			return false
		}
	}
	return !in.OnlyAttached || u.Attached > 0
}

// use counts a managed policy in or out, and refuses one that does not exist.
func (s *Service) use(tx *store.Tx, account, name string, attached, boundaries int32) error {
	if _, err := s.policy(tx, account, name); errors.Is(err, store.ErrNotFound) {
		return noSuch("Policy " + name + " does not exist or is not attachable.")
	} else if err != nil {
		return err
	}
	u, err := usageOf(tx, account, name)
	if err != nil {
		return err
	}
	u.Attached += attached
	u.Boundaries += boundaries
	if u.Attached == 0 && u.Boundaries == 0 {
		return usages.Delete(tx, account, name)
	}
	return usages.Put(tx, u)
}

func (s *Service) attachmentOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.AttachUserPolicyInput) *string { return in.UserName }, bounded,
			about(policyARNKey, func(in *iam.AttachUserPolicyInput) *string { return in.PolicyArn })), s.AttachUserPolicy),
		op(on(s, users, func(in *iam.DetachUserPolicyInput) *string { return in.UserName }, bounded,
			about(policyARNKey, func(in *iam.DetachUserPolicyInput) *string { return in.PolicyArn })), s.DetachUserPolicy),
		op(on(s, users, func(in *iam.ListAttachedUserPoliciesInput) *string { return in.UserName }), s.ListAttachedUserPolicies),
		op(on(s, groups, func(in *iam.AttachGroupPolicyInput) *string { return in.GroupName },
			about(policyARNKey, func(in *iam.AttachGroupPolicyInput) *string { return in.PolicyArn })), s.AttachGroupPolicy),
		op(on(s, groups, func(in *iam.DetachGroupPolicyInput) *string { return in.GroupName },
			about(policyARNKey, func(in *iam.DetachGroupPolicyInput) *string { return in.PolicyArn })), s.DetachGroupPolicy),
		op(on(s, groups, func(in *iam.ListAttachedGroupPoliciesInput) *string { return in.GroupName }), s.ListAttachedGroupPolicies),
		op(on(s, roles, func(in *iam.AttachRolePolicyInput) *string { return in.RoleName }, bounded,
			about(policyARNKey, func(in *iam.AttachRolePolicyInput) *string { return in.PolicyArn })), s.AttachRolePolicy),
		op(on(s, roles, func(in *iam.DetachRolePolicyInput) *string { return in.RoleName }, bounded,
			about(policyARNKey, func(in *iam.DetachRolePolicyInput) *string { return in.PolicyArn })), s.DetachRolePolicy),
		op(on(s, roles, func(in *iam.ListAttachedRolePoliciesInput) *string { return in.RoleName }), s.ListAttachedRolePolicies),
		op(onPolicy(s, func(in *iam.ListEntitiesForPolicyInput) *string { return in.PolicyArn }), s.ListEntitiesForPolicy),
	}
}

// attach gives a managed policy to an entity. Doing it twice is no error.
func (k *kind[T]) attach(ctx context.Context, s *Service, name, policy string) error {
	return k.regrant(ctx, s, name, func(tx *store.Tx, row *T) error {
		e := k.of(row)
		if slices.Contains(e.Attached, policy) {
			return nil
		}
		if _, path, _, err := policyName(policy); err == nil && strings.HasPrefix(path, linkedPath) {
			return &types.PolicyNotAttachableException{Message: aws.String("Cannot attach a Service Role Policy to a Customer Role.")}
		}
		if len(e.Attached) >= maxAttached {
			return over(k.quota, maxAttached)
		}
		e.Attached = append(e.Attached, policy)
		return s.use(tx, e.Account, policy, 1, 0)
	})
}

// detach takes a managed policy from an entity.
func (k *kind[T]) detach(ctx context.Context, s *Service, name, policy string) error {
	return k.regrant(ctx, s, name, func(tx *store.Tx, row *T) error {
		e := k.of(row)
		var was bool
		if e.Attached, was = without(e.Attached, policy); !was {
			return noSuch("Policy " + policy + " was not found.")
		}
		return s.use(tx, e.Account, policy, -1, 0)
	})
}

// attached pages through an entity's managed policies whose path has the prefix.
func (k *kind[T]) attached(ctx context.Context, s *Service, name string, p *pager, prefix *string) ([]types.AttachedPolicy, error) {
	row, err := k.view(ctx, s, name)
	if err != nil {
		return nil, err
	}
	var fitting []string
	names := map[string]string{}
	for _, a := range k.of(row).Attached {
		_, path, last, err := policyName(a)
		if err != nil {
			return nil, err
		}
		if under(path, prefix) {
			fitting = append(fitting, a)
			names[a] = last
		}
	}
	slices.Sort(fitting)
	out := []types.AttachedPolicy{}
	for _, a := range p.names(fitting) {
		out = append(out, types.AttachedPolicy{PolicyArn: aws.String(a), PolicyName: aws.String(names[a])})
	}
	return out, nil
}

// AttachUserPolicy gives a managed policy to a user.
func (s *Service) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	if err := users.attach(ctx, s, *in.UserName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachUserPolicyOutput{}, nil
}

// DetachUserPolicy takes a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	if err := users.detach(ctx, s, *in.UserName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachUserPolicyOutput{}, nil
}

// ListAttachedUserPolicies lists a user's managed policies.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	p, err := newPager("iam.ListAttachedUserPolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out, err := users.attached(ctx, s, *in.UserName, p, in.PathPrefix)
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: out, IsTruncated: p.more, Marker: p.marker()}, err
}

// AttachGroupPolicy gives a managed policy to a group.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	if err := groups.attach(ctx, s, *in.GroupName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachGroupPolicyOutput{}, nil
}

// DetachGroupPolicy takes a managed policy from a group.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	if err := groups.detach(ctx, s, *in.GroupName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachGroupPolicyOutput{}, nil
}

// ListAttachedGroupPolicies lists a group's managed policies.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	p, err := newPager("iam.ListAttachedGroupPolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out, err := groups.attached(ctx, s, *in.GroupName, p, in.PathPrefix)
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: out, IsTruncated: p.more, Marker: p.marker()}, err
}

// AttachRolePolicy gives a managed policy to a role.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	if err := roles.attach(ctx, s, *in.RoleName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.AttachRolePolicyOutput{}, nil
}

// DetachRolePolicy takes a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	if err := roles.detach(ctx, s, *in.RoleName, *in.PolicyArn); err != nil {
		return nil, err
	}
	return &iam.DetachRolePolicyOutput{}, nil
}

// ListAttachedRolePolicies lists a role's managed policies.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	p, err := newPager("iam.ListAttachedRolePolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out, err := roles.attached(ctx, s, *in.RoleName, p, in.PathPrefix)
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: out, IsTruncated: p.more, Marker: p.marker()}, err
}

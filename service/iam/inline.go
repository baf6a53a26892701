package iam

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

func (s *Service) inlineOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.PutUserPolicyInput) *string { return in.UserName }, bounded), s.PutUserPolicy),
		op(on(s, users, func(in *iam.GetUserPolicyInput) *string { return in.UserName }), s.GetUserPolicy),
		op(on(s, users, func(in *iam.ListUserPoliciesInput) *string { return in.UserName }), s.ListUserPolicies),
		op(on(s, users, func(in *iam.DeleteUserPolicyInput) *string { return in.UserName }, bounded), s.DeleteUserPolicy),
		op(on(s, groups, func(in *iam.PutGroupPolicyInput) *string { return in.GroupName }), s.PutGroupPolicy),
		op(on(s, groups, func(in *iam.GetGroupPolicyInput) *string { return in.GroupName }), s.GetGroupPolicy),
		op(on(s, groups, func(in *iam.ListGroupPoliciesInput) *string { return in.GroupName }), s.ListGroupPolicies),
		op(on(s, groups, func(in *iam.DeleteGroupPolicyInput) *string { return in.GroupName }), s.DeleteGroupPolicy),
		op(on(s, roles, func(in *iam.PutRolePolicyInput) *string { return in.RoleName }, bounded), s.PutRolePolicy),
		op(on(s, roles, func(in *iam.GetRolePolicyInput) *string { return in.RoleName }), s.GetRolePolicy),
		op(on(s, roles, func(in *iam.ListRolePoliciesInput) *string { return in.RoleName }), s.ListRolePolicies),
		op(on(s, roles, func(in *iam.DeleteRolePolicyInput) *string { return in.RoleName }, bounded), s.DeleteRolePolicy),
	}
}

// putInline gives an entity an inline policy, or replaces the one of that name.
func (k *kind[T]) putInline(ctx context.Context, s *Service, name, policy, document string) error {
	if err := s.checkDocument(document, engine.IdentityPolicy); err != nil {
		return err
	}
	return k.regrant(ctx, s, name, func(_ *store.Tx, row *T) error {
		e := k.of(row)
		if e.Inline == nil {
			e.Inline = map[string]string{}
		}
		e.Inline[policy] = document
		total := 0
		for _, d := range e.Inline {
			total += size(d)
		}
		if total > k.inline {
			return limited(fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", k.inline, k.noun, e.Name))
		}
		return nil
	})
}

// inlineOf returns the entity's own name and the inline policy, encoded.
func (k *kind[T]) inlineOf(ctx context.Context, s *Service, name, policy string) (own, document *string, err error) {
	row, err := k.view(ctx, s, name)
	if err != nil {
		return nil, nil, err
	}
	e := k.of(row)
	d, ok := e.Inline[policy]
	if !ok {
		return nil, nil, noEntity(k.noun+" policy", policy)
	}
	return &e.Name, aws.String(encodeDocument(d)), nil
}

// listInline pages through the names of an entity's inline policies.
func (k *kind[T]) listInline(ctx context.Context, s *Service, name string, p *pager) ([]string, error) {
	row, err := k.view(ctx, s, name)
	if err != nil {
		return nil, err
	}
	return p.names(sortedKeys(k.of(row).Inline)), nil
}

// deleteInline takes an inline policy from an entity.
func (k *kind[T]) deleteInline(ctx context.Context, s *Service, name, policy string) error {
	return k.regrant(ctx, s, name, func(_ *store.Tx, row *T) error {
		e := k.of(row)
		if _, ok := e.Inline[policy]; !ok {
			return noEntity(k.noun+" policy", policy)
		}
		delete(e.Inline, policy)
		return nil
	})
}

// PutUserPolicy gives a user an inline policy.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	if err := users.putInline(ctx, s, *in.UserName, *in.PolicyName, *in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutUserPolicyOutput{}, nil
}

// GetUserPolicy returns an inline policy of a user.
func (s *Service) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	name, document, err := users.inlineOf(ctx, s, *in.UserName, *in.PolicyName)
	return &iam.GetUserPolicyOutput{UserName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListUserPolicies lists the names of a user's inline policies.
func (s *Service) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	p, err := newPager("iam.ListUserPolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	names, err := users.listInline(ctx, s, *in.UserName, p)
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: p.more, Marker: p.marker()}, err
}

// DeleteUserPolicy takes an inline policy from a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	if err := users.deleteInline(ctx, s, *in.UserName, *in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteUserPolicyOutput{}, nil
}

// PutGroupPolicy gives a group an inline policy.
func (s *Service) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	if err := groups.putInline(ctx, s, *in.GroupName, *in.PolicyName, *in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutGroupPolicyOutput{}, nil
}

// GetGroupPolicy returns an inline policy of a group.
func (s *Service) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	name, document, err := groups.inlineOf(ctx, s, *in.GroupName, *in.PolicyName)
	return &iam.GetGroupPolicyOutput{GroupName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListGroupPolicies lists the names of a group's inline policies.
func (s *Service) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	p, err := newPager("iam.ListGroupPolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	names, err := groups.listInline(ctx, s, *in.GroupName, p)
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: p.more, Marker: p.marker()}, err
}

// DeleteGroupPolicy takes an inline policy from a group.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	if err := groups.deleteInline(ctx, s, *in.GroupName, *in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteGroupPolicyOutput{}, nil
}

// PutRolePolicy gives a role an inline policy.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	if err := roles.putInline(ctx, s, *in.RoleName, *in.PolicyName, *in.PolicyDocument); err != nil {
		return nil, err
	}
	return &iam.PutRolePolicyOutput{}, nil
}

// GetRolePolicy returns an inline policy of a role.
func (s *Service) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	name, document, err := roles.inlineOf(ctx, s, *in.RoleName, *in.PolicyName)
	return &iam.GetRolePolicyOutput{RoleName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListRolePolicies lists the names of a role's inline policies.
func (s *Service) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	p, err := newPager("iam.ListRolePolicies", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	names, err := roles.listInline(ctx, s, *in.RoleName, p)
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: p.more, Marker: p.marker()}, err
}

// DeleteRolePolicy takes an inline policy from a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	if err := roles.deleteInline(ctx, s, *in.RoleName, *in.PolicyName); err != nil {
		return nil, err
	}
	return &iam.DeleteRolePolicyOutput{}, nil
}

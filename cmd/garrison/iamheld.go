package main

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// inline adds an inline policy, whose document the API gives URL-encoded.
func (s *subject) inline(holder, name, encoded string) error {
	document, err := url.QueryUnescape(encoded)
	s.papers = append(s.papers, paper{
		source: engine.Identity, kind: engine.IdentityPolicy, name: "inline policy " + name + " of " + holder, document: document,
	})
	return err
}

// attached adds managed policies; through tells by which group, if by one.
func (s *subject) attached(ctx context.Context, c *iam.Client, list []types.AttachedPolicy, through string) error {
	for _, a := range list {
		p, err := managed(ctx, c, *a.PolicyArn)
		if err != nil {
			return err
		}
		p.name += through
		s.papers = append(s.papers, p)
	}
	return nil
}

func (s *subject) addUserPolicies(ctx context.Context, c *iam.Client, user string) error {
	for p := iam.NewListUserPoliciesPaginator(c, &iam.ListUserPoliciesInput{UserName: &user}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.PolicyNames {
			out, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &user, PolicyName: &name})
			if err != nil {
				return err
			}
			if err := s.inline("user/"+user, name, aws.ToString(out.PolicyDocument)); err != nil {
				return err
			}
		}
	}
	for p := iam.NewListAttachedUserPoliciesPaginator(c, &iam.ListAttachedUserPoliciesInput{UserName: &user}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := s.attached(ctx, c, page.AttachedPolicies, ""); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) addGroupPolicies(ctx context.Context, c *iam.Client, group string) error {
	for p := iam.NewListGroupPoliciesPaginator(c, &iam.ListGroupPoliciesInput{GroupName: &group}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.PolicyNames {
			out, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &group, PolicyName: &name})
			if err != nil {
				return err
			}
			if err := s.inline("group/"+group, name, aws.ToString(out.PolicyDocument)); err != nil {
				return err
			}
		}
	}
	for p := iam.NewListAttachedGroupPoliciesPaginator(c, &iam.ListAttachedGroupPoliciesInput{GroupName: &group}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := s.attached(ctx, c, page.AttachedPolicies, " through group/"+group); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) addRolePolicies(ctx context.Context, c *iam.Client, role string) error {
	for p := iam.NewListRolePoliciesPaginator(c, &iam.ListRolePoliciesInput{RoleName: &role}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.PolicyNames {
			out, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return err
			}
			if err := s.inline("role/"+role, name, aws.ToString(out.PolicyDocument)); err != nil {
				return err
			}
		}
	}
	for p := iam.NewListAttachedRolePoliciesPaginator(c, &iam.ListAttachedRolePoliciesInput{RoleName: &role}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := s.attached(ctx, c, page.AttachedPolicies, ""); err != nil {
			return err
		}
	}
	return nil
}

package cloudwatchlogs

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxPolicies is how many resource policies an account has in a Region.
const maxPolicies = 10

// PutResourcePolicy lets services and accounts use the account's groups.
func (s *Service) PutResourcePolicy(ctx context.Context, in *cloudwatchlogs.PutResourcePolicyInput) (*cloudwatchlogs.PutResourcePolicyOutput, error) {
	if in.ResourceArn != nil || in.ExpectedRevisionId != nil {
		return nil, notImplemented("A policy of one resource")
	}
	if in.PolicyName == nil || in.PolicyDocument == nil {
		return nil, invalid("Please provide a policy name and a policy document.")
	}
	_, err := iam.Parse(*in.PolicyDocument, iam.ResourcePolicy)
	if syntax := (*iam.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, invalid("The policy document is not valid: %s", syntax.Message)
	}
	if err != nil {
		return nil, err
	}
	row := &resourcePolicy{Account: wire.CallFrom(ctx).Account(), Name: *in.PolicyName, Document: *in.PolicyDocument, Updated: millis(s.Clock.Now())}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		others := 0
		for p, err := range resourcePolicies.Scan(tx, store.Range{Prefix: store.K(row.Account)}) {
			if err != nil {
				return err
			}
			if p.Name != row.Name {
				others++
			}
		}
		if others >= maxPolicies {
			return &types.LimitExceededException{Message: aws.String("Resource limit exceeded.")}
		}
		return resourcePolicies.Put(tx, row)
	})
	return &cloudwatchlogs.PutResourcePolicyOutput{ResourcePolicy: row.show()}, err
}

func (p *resourcePolicy) show() *types.ResourcePolicy {
	return &types.ResourcePolicy{PolicyName: &p.Name, PolicyDocument: &p.Document, LastUpdatedTime: &p.Updated}
}

// DescribeResourcePolicies lists an account's policies: all fit on one page.
func (s *Service) DescribeResourcePolicies(ctx context.Context, in *cloudwatchlogs.DescribeResourcePoliciesInput) (*cloudwatchlogs.DescribeResourcePoliciesOutput, error) {
	if in.ResourceArn != nil || in.PolicyScope == types.PolicyScopeResource {
		return nil, notImplemented("A policy of one resource")
	}
	if in.NextToken != nil {
		return nil, invalid("The specified nextToken is invalid.")
	}
	out := &cloudwatchlogs.DescribeResourcePoliciesOutput{}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		rows, err := store.Collect(resourcePolicies.Scan(tx, store.Range{Prefix: store.K(wire.CallFrom(ctx).Account())}))
		out.ResourcePolicies = []types.ResourcePolicy{}
		for _, p := range rows {
			out.ResourcePolicies = append(out.ResourcePolicies, *p.show())
		}
		return err
	})
	return out, err
}

// DeleteResourcePolicy deletes a policy.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *cloudwatchlogs.DeleteResourcePolicyInput) (*cloudwatchlogs.DeleteResourcePolicyOutput, error) {
	if in.ResourceArn != nil || in.PolicyName == nil {
		return nil, notImplemented("A policy of one resource")
	}
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		return resourcePolicies.Delete(tx, wire.CallFrom(ctx).Account(), *in.PolicyName)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Policy with name [" + *in.PolicyName + "] does not exist.")}
	}
	return &cloudwatchlogs.DeleteResourcePolicyOutput{}, err
}

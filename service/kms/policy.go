package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	policyName = "default"
	maxPolicy  = 32 << 10 // bytes (KMS Developer Guide, "Quotas")
)

// defaultPolicy lets the account in, so that its IAM policies decide (KMS
// Developer Guide, "Default key policy").
func defaultPolicy(account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + arn.Root(account) + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// checkPolicy refuses a policy that is none, and, unless bypassed, one by which
// the caller could not change it again.
func checkPolicy(ctx context.Context, k *key, document string, bypass bool) error {
	if len(document) > maxPolicy {
		return limitExceeded("The key policy is larger than %d bytes.", maxPolicy)
	}
	p, err := iam.Parse(document, iam.KeyPolicy)
	if syntax := (*iam.SyntaxError)(nil); errors.As(err, &syntax) {
		return &types.MalformedPolicyDocumentException{Message: &syntax.Message}
	}
	if err != nil || bypass {
		return err
	}
	caller := wire.CallFrom(ctx)
	// Identity policies count as allowing: only the key policy is in question.
	d := iam.Evaluate(
		&iam.Request{
			Action: "kms:PutKeyPolicy", Resource: k.arn(), Principal: caller.Principal.Principal, ResourceAccount: k.Account,
			Context: lockout{asked{call: &caller.Facts, region: k.Region, key: k, aliases: func() []string { return nil }}},
		},
		&iam.Policies{Resource: p, ResourceDecides: true, Identity: []*iam.Policy{everything}},
	)
	if !d.Allowed {
		return &types.MalformedPolicyDocumentException{
			Message: aws.String("The new key policy will not allow you to update the key policy in the future."),
		}
	}
	return nil
}

// lockout is what is known of a later PutKeyPolicy: that the same caller makes it.
type lockout struct{ asked }

// Values implements iam.Context.
func (l lockout) Values(name string) ([]string, bool) {
	p := l.call.Principal
	switch name {
	case "aws:principalarn":
		if p.Kind == iam.RoleSession {
			return one(p.RoleARN)
		}
		return one(p.ARN)
	case "aws:principalaccount":
		return one(p.Account)
	case "aws:userid":
		return one(p.ID)
	}
	return l.lookup(name)
}

// everything stands for identity policies that allow whatever is asked.
var everything = mustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func mustParse(document string) *iam.Policy {
	p, err := iam.Parse(document, iam.IdentityPolicy)
	if err != nil {
		panic(err) // the document is a constant of this package
	}
	return p
}

// GetKeyPolicy returns a key's policy as it was put.
func (s *Service) GetKeyPolicy(ctx context.Context, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: aws.String(k.policy()), PolicyName: aws.String(policyName)}, nil
}

func checkPolicyName(name *string) error {
	if name != nil && *name != policyName {
		return notFound("No such policy exists")
	}
	return nil
}

// PutKeyPolicy replaces a key's policy.
func (s *Service) PutKeyPolicy(ctx context.Context, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	_, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if err := checkPolicy(ctx, k, *in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return err
		}
		k.Policy = *in.Policy
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.PutKeyPolicyOutput{}, nil
}

// ListKeyPolicies lists the names of a key's policies: there is one.
func (s *Service) ListKeyPolicies(ctx context.Context, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	if _, err := s.own(ctx, in.KeyId); err != nil {
		return nil, err
	}
	if in.Marker != nil { // one page holds all: no marker was ever given out
		return nil, &types.InvalidMarkerException{Message: aws.String("Could not deserialize marker " + *in.Marker)}
	}
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{policyName}}, nil
}

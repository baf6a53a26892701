package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxPolicy is the longest resource policy, in bytes (Lambda Developer Guide,
// "Lambda quotas").
const maxPolicy = 20 << 10

// document is the policy as AWS shows it.
func (p *policy) document() string {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Id":"default","Statement":[`)
	for i, st := range p.Statements {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(st.JSON)
	}
	b.WriteString("]}")
	return b.String()
}

// A permission is a statement in AWS's order.
type permission struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal json.RawMessage              `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

var serviceForm = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)

// principalOf is a Principal element of what a caller may name: a service, an
// account, an ARN, or everyone.
func principalOf(given string) (json.RawMessage, error) {
	kind, name := "AWS", given
	switch {
	case given == "*":
		return json.RawMessage(`"*"`), nil
	case serviceForm.MatchString(given):
		kind = "Service"
	case arn.IsAccount(given):
		name = arn.Root(given)
	case strings.HasPrefix(given, "arn:"):
	default:
		return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	return json.Marshal(map[string]string{kind: name})
}

// newPermission is the statement that an AddPermission asks for.
func newPermission(resource string, in *lambda.AddPermissionInput) (string, error) {
	if in.EventSourceToken != nil || in.FunctionUrlAuthType != "" || aws.ToBool(in.InvokedViaFunctionUrl) {
		return "", notImplemented("One of EventSourceToken, FunctionUrlAuthType and InvokedViaFunctionUrl")
	}
	principal, err := principalOf(*in.Principal)
	if err != nil {
		return "", err
	}
	p := permission{Sid: *in.StatementId, Effect: "Allow", Principal: principal, Action: *in.Action, Resource: resource}
	for _, c := range []struct {
		operator, key string
		value         *string
	}{
		{"StringEquals", "AWS:SourceAccount", in.SourceAccount},
		{"StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID},
		{"ArnLike", "AWS:SourceArn", in.SourceArn},
	} {
		if c.value == nil {
			continue
		}
		if p.Condition == nil {
			p.Condition = map[string]map[string]string{}
		}
		if p.Condition[c.operator] == nil {
			p.Condition[c.operator] = map[string]string{}
		}
		p.Condition[c.operator][c.key] = *c.value
	}
	b, err := json.Marshal(p)
	return string(b), err
}

// AddPermission lets a service, an account or another principal use a function.
func (s *Service) AddPermission(ctx context.Context, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if r.qualifier == latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	added, err := newPermission(qualified(s.functionARN(r.account, r.name), r.qualifier), in)
	if err != nil {
		return nil, err
	}
	err = s.editPolicy(ctx, r, in.RevisionId, func(p *policy) error {
		if slices.ContainsFunc(p.Statements, func(st statement) bool { return st.ID == *in.StatementId }) {
			return conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", *in.StatementId)
		}
		p.Statements = append(p.Statements, statement{*in.StatementId, added})
		doc := p.document()
		if len(doc) > maxPolicy {
			return &types.PolicyLengthExceededException{Type: aws.String("User"), Message: aws.String("The final policy size is bigger than the limit (20480).")}
		}
		if _, err := iam.Parse(doc, iam.ResourcePolicy); err != nil { // a policy that can't be read would lock the function
			return invalid("The provided principal was invalid. Please check the principal and try again.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.AddPermissionOutput{Statement: &added}, nil
}

// editPolicy changes a policy; one without statements is none.
func (s *Service) editPolicy(ctx context.Context, r reference, seen *string, to func(*policy) error) error {
	revision := newID()
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		p, err := policies.Get(tx, r.account, r.name, r.qualifier)
		if errors.Is(err, store.ErrNotFound) {
			p, err = &policy{Account: r.account, Function: r.name, Qualifier: r.qualifier}, nil
		}
		if err != nil {
			return err
		}
		if seen != nil && *seen != p.Revision {
			return stale()
		}
		if err := to(p); err != nil {
			return err
		}
		if len(p.Statements) == 0 {
			return policies.Delete(tx, r.account, r.name, r.qualifier)
		}
		p.Revision = revision
		return policies.Put(tx, p)
	})
}

// RemovePermission removes a statement.
func (s *Service) RemovePermission(ctx context.Context, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	r.qualifier = policyOf(r.qualifier)
	err = s.editPolicy(ctx, r, in.RevisionId, func(p *policy) error {
		before := len(p.Statements)
		p.Statements = slices.DeleteFunc(p.Statements, func(st statement) bool { return st.ID == *in.StatementId })
		if len(p.Statements) == before {
			return notFound("Statement %s is not found in resource policy.", *in.StatementId)
		}
		return nil
	})
	return &lambda.RemovePermissionOutput{}, err
}

// GetPolicy shows a resource policy.
func (s *Service) GetPolicy(ctx context.Context, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var p *policy
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		p, err = policies.Get(tx, r.account, r.name, policyOf(r.qualifier))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("The resource you requested does not exist.")
	}
	if err != nil {
		return nil, err
	}
	return &lambda.GetPolicyOutput{Policy: aws.String(p.document()), RevisionId: &p.Revision}, nil
}

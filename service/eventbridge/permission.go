package eventbridge

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
)

// maxPolicy is how many characters a bus's policy has at most (EventBridge User
// Guide, "Quotas": 10,240).
const maxPolicy = 10_240

// A policy is a bus's policy document as far as PutPermission looks into it.
type policy struct {
	Version   string            `json:"Version"`
	Statement []json.RawMessage `json:"Statement"`
}

func parsePolicy(document string) (*policy, error) {
	p := &policy{Version: "2012-10-17"}
	if document == "" {
		return p, nil
	}
	var in struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &in); err != nil {
		return nil, err
	}
	p.Version = in.Version
	if json.Unmarshal(in.Statement, &p.Statement) != nil { // one statement may stand alone
		p.Statement = []json.RawMessage{in.Statement}
	}
	return p, nil
}

// without is the policy less the statements of an id.
func (p *policy) without(sid string) *policy {
	return &policy{p.Version, slices.DeleteFunc(slices.Clone(p.Statement), func(s json.RawMessage) bool {
		var of struct{ Sid string }
		return json.Unmarshal(s, &of) == nil && of.Sid == sid
	})}
}

func (p *policy) keep(b *bus) error {
	if len(p.Statement) == 0 {
		b.Policy = ""
		return nil
	}
	document, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.setPolicy(string(document))
}

// setPolicy refuses what could not be obeyed.
func (b *bus) setPolicy(document string) error {
	if len(document) > maxPolicy {
		return &types.PolicyLengthExceededException{Message: aws.String("The policy exceeds the maximum length of 10240 characters.")}
	}
	if _, err := iam.Parse(document, iam.ResourcePolicy); err != nil {
		return invalid("Parameter Policy is not valid. Reason: %s", err.Error())
	}
	b.Policy = document
	return nil
}

type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal json.RawMessage              `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// statementOf is what PutPermission's single parameters say.
func statementOf(in *eventbridge.PutPermissionInput, busARN string) (json.RawMessage, error) {
	switch {
	case in.Principal == nil || in.StatementId == nil || in.Action == nil:
		return nil, invalid("Parameter(s) Action, Principal, StatementId must be specified.")
	case *in.Principal != "*" && !arn.IsAccount(*in.Principal):
		return nil, invalid("Parameter Principal is not valid.")
	case in.Condition != nil && (*in.Principal != "*" || *in.Condition.Type != "StringEquals" || *in.Condition.Key != "aws:PrincipalOrgID"):
		return nil, invalid("Parameter Condition is not valid.")
	}
	st := statement{Sid: *in.StatementId, Effect: "Allow", Principal: json.RawMessage(`"*"`), Action: *in.Action, Resource: busARN}
	if *in.Principal != "*" {
		st.Principal = json.RawMessage(`{"AWS":"` + arn.Root(*in.Principal) + `"}`)
	}
	if c := in.Condition; c != nil {
		st.Condition = map[string]map[string]string{*c.Type: {*c.Key: *c.Value}}
	}
	return json.Marshal(st)
}

// PutPermission sets a bus's policy, or one statement of it.
func (s *Service) PutPermission(ctx context.Context, in *eventbridge.PutPermissionInput) (*eventbridge.PutPermissionOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, n, func(b *bus) error {
		if in.Policy != nil {
			return b.setPolicy(*in.Policy)
		}
		st, err := statementOf(in, n.arn(s.Region))
		if err != nil {
			return err
		}
		p, err := parsePolicy(b.Policy)
		if err != nil {
			return err
		}
		p = p.without(*in.StatementId)
		p.Statement = append(p.Statement, st)
		return p.keep(b)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.PutPermissionOutput{}, nil
}

// RemovePermission removes one statement, or all.
func (s *Service) RemovePermission(ctx context.Context, in *eventbridge.RemovePermissionInput) (*eventbridge.RemovePermissionOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, n, func(b *bus) error {
		if in.RemoveAllPermissions {
			b.Policy = ""
			return nil
		}
		if in.StatementId == nil {
			return invalid("Parameter StatementId must be specified.")
		}
		p, err := parsePolicy(b.Policy)
		if err != nil {
			return err
		}
		rest := p.without(*in.StatementId)
		if len(rest.Statement) == len(p.Statement) {
			return missing("Statement with the provided id does not exist.")
		}
		return rest.keep(b)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.RemovePermissionOutput{}, nil
}

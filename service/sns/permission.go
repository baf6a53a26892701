package sns

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// A policy is a topic's policy document as far as AddPermission looks into it.
type policy struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

func parsePolicy(document string) (*policy, error) {
	var in struct {
		Version, ID string
		Statement   json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &in); err != nil {
		return nil, invalid("Policy")
	}
	p := &policy{Version: in.Version, ID: in.ID}
	if json.Unmarshal(in.Statement, &p.Statement) != nil { // one statement may stand alone
		p.Statement = []json.RawMessage{in.Statement}
	}
	return p, nil
}

func (p *policy) find(label string) int {
	return slices.IndexFunc(p.Statement, func(raw json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(raw, &s) == nil && s.Sid == label
	})
}

// A statement is one that AddPermission makes.
type statement struct {
	Sid, Effect string
	Principal   map[string][]string
	Action      []string
	Resource    string
}

// shareable are the actions that AddPermission can give (SNS API Reference,
// AddPermission).
var shareable = []string{"*", "Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic", "GetTopicAttributes", "Subscribe", "AddPermission", "Receive"}

// AddPermission adds a statement to the topic's policy, under a label.
func (s *Service) AddPermission(ctx context.Context, in *sns.AddPermissionInput) (*sns.AddPermissionOutput, error) {
	st := statement{Sid: *in.Label, Effect: "Allow", Principal: map[string][]string{}, Resource: *in.TopicArn}
	if st.Sid == "" || len(st.Sid) > 80 || strings.Trim(st.Sid, word) != "" {
		return nil, invalid("Label")
	}
	if len(in.ActionName) == 0 || len(in.AWSAccountId) == 0 {
		return nil, invalid("ActionName and AWSAccountId")
	}
	for _, a := range in.ActionName {
		if !slices.Contains(shareable, a) {
			return nil, invalid("Policy statement action out of service scope!")
		}
		st.Action = append(st.Action, "SNS:"+a)
	}
	for _, id := range in.AWSAccountId {
		if !arn.IsAccount(id) {
			return nil, invalid("AWSAccountId")
		}
		st.Principal["AWS"] = append(st.Principal["AWS"], arn.Root(id))
	}
	raw, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, *in.TopicArn, func(t *topic) error {
		p, err := parsePolicy(t.policy(s.Region))
		if err != nil {
			return err
		}
		if p.find(st.Sid) >= 0 {
			return invalid("Statement already exists")
		}
		p.Statement = append(p.Statement, raw)
		return t.keepPolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return &sns.AddPermissionOutput{}, nil
}

func (t *topic) keepPolicy(p *policy) error {
	b, err := json.Marshal(p)
	if err != nil {
		return invalid("Policy")
	}
	return t.set("Policy", string(b))
}

// RemovePermission removes the statement under a label. One that is not there is no
// error.
func (s *Service) RemovePermission(ctx context.Context, in *sns.RemovePermissionInput) (*sns.RemovePermissionOutput, error) {
	err := s.edit(ctx, *in.TopicArn, func(t *topic) error {
		p, err := parsePolicy(t.policy(s.Region))
		if err != nil {
			return err
		}
		i := p.find(*in.Label)
		if i < 0 {
			return nil
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		return t.keepPolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return &sns.RemovePermissionOutput{}, nil
}

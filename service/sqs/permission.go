package sqs

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A policy is a queue's policy document as far as AddPermission looks into it.
type policy struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

func parsePolicy(document string) (*policy, error) {
	p := &policy{Version: "2012-10-17"}
	if document == "" {
		return p, nil
	}
	var in struct {
		Version, ID string
		Statement   json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &in); err != nil {
		return nil, invalidAttribute("Policy")
	}
	p.Version, p.ID = in.Version, in.ID
	if json.Unmarshal(in.Statement, &p.Statement) != nil { // one statement may stand alone
		p.Statement = []json.RawMessage{in.Statement}
	}
	return p, nil
}

// label is a statement's Sid.
func label(statement json.RawMessage) string {
	var s struct{ Sid string }
	if json.Unmarshal(statement, &s) != nil {
		return ""
	}
	return s.Sid
}

func (p *policy) find(name string) int {
	return slices.IndexFunc(p.Statement, func(s json.RawMessage) bool { return label(s) == name })
}

// shareable are the actions that AddPermission can give (SQS API Reference,
// AddPermission).
var shareable = []string{"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "PurgeQueue", "ReceiveMessage", "SendMessage", "ListDeadLetterSourceQueues"}

// AddPermission adds a statement to the queue's policy, under a label.
func (s *Service) AddPermission(ctx context.Context, in *sqs.AddPermissionInput) (*sqs.AddPermissionOutput, error) {
	st, err := s.statement(in)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, *in.QueueUrl, func(tx *store.Tx, q *queue) error {
		p, err := parsePolicy(q.Settings.Policy)
		if err != nil {
			return err
		}
		if p.find(*in.Label) >= 0 {
			return invalid("Label", *in.Label, "Already exists.")
		}
		if p.ID == "" {
			p.ID = q.arn(s.region) + "/SQSDefaultPolicy"
		}
		p.Statement = append(p.Statement, st(q.arn(s.region)))
		q.Modified = tx.Now()
		return q.keepPolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return &sqs.AddPermissionOutput{}, nil
}

// statement checks what AddPermission is given, and returns what makes it a statement
// about a queue.
func (s *Service) statement(in *sqs.AddPermissionInput) (func(queueARN string) json.RawMessage, error) {
	if checkToken("Label", *in.Label) != nil || *in.Label == "" || len(*in.Label) > 80 {
		return nil, invalid("Label", *in.Label, "Label can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	}
	if len(in.Actions) == 0 || len(in.AWSAccountIds) == 0 {
		return nil, absent("Actions and AWSAccountIds")
	}
	if len(in.Actions) > 7 {
		return nil, fault("OverLimit", "%d Actions were found, maximum allowed is 7.", len(in.Actions))
	}
	var actions, principals []string
	for _, a := range in.Actions {
		if !slices.Contains(shareable, a) {
			return nil, invalid("ActionName", a, "Only the queue owner is allowed to invoke this action.")
		}
		actions = append(actions, "SQS:"+a)
	}
	for _, id := range in.AWSAccountIds {
		if !arn.IsAccount(id) {
			return nil, invalid("PrincipalId", "["+id+"]", "Unable to verify.")
		}
		principals = append(principals, arn.Root(id))
	}
	return func(queueARN string) json.RawMessage {
		return json.RawMessage(`{"Sid":` + marshal(*in.Label) + `,"Effect":"Allow","Principal":{"AWS":` + marshal(principals) +
			`},"Action":` + marshal(actions) + `,"Resource":` + marshal(queueARN) + `}`)
	}, nil
}

func (q *queue) keepPolicy(p *policy) error {
	if len(p.Statement) == 0 {
		q.Settings.Policy = ""
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return invalidAttribute("Policy")
	}
	return q.setPolicy(string(b))
}

// RemovePermission removes the statement under a label.
func (s *Service) RemovePermission(ctx context.Context, in *sqs.RemovePermissionInput) (*sqs.RemovePermissionOutput, error) {
	err := s.edit(ctx, *in.QueueUrl, func(tx *store.Tx, q *queue) error {
		p, err := parsePolicy(q.Settings.Policy)
		if err != nil {
			return err
		}
		i := p.find(*in.Label)
		if i < 0 {
			return invalid("Label", *in.Label, "can't find label on existing policy.")
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		q.Modified = tx.Now()
		return q.keepPolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return &sqs.RemovePermissionOutput{}, nil
}

package sts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxMessage is the longest text that DecodeAuthorizationMessage takes.
const maxMessage = 10240

// A message is why a call was denied, as DecodeAuthorizationMessage tells it
// (STS API Reference).
type message struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements items[statement] `json:"matchedStatements"`
	Failures          items[string]    `json:"failures"`
	Context           asked            `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

type statement struct {
	ID     string `json:"statementId"`
	Effect string `json:"effect"`
}

type asked struct {
	Principal  who           `json:"principal"`
	Action     string        `json:"action"`
	Resource   string        `json:"resource"`
	Conditions items[string] `json:"conditions"`
}

type who struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

// EncodeMessage seals the details of a denial for the services that answer with
// them. Only callers of the same account can have them opened, by
// DecodeAuthorizationMessage.
func (s *Service) EncodeMessage(ctx context.Context, d *authz.Denied) (string, error) {
	m := message{
		ExplicitDeny:      d.Decision.Reason == iam.ExplicitDeny,
		MatchedStatements: items[statement]{[]statement{}},
		Failures:          items[string]{[]string{}},
		Context: asked{
			Principal: who{d.Principal.ID, d.Principal.ARN}, Action: d.Action, Resource: d.Resource,
			Conditions: items[string]{[]string{}},
		},
	}
	if ref, ok := d.Decision.Match(); ok && ref.Deny {
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, statement{ref.Sid, "DENY"})
	}
	plain, err := json.Marshal(&m)
	if err != nil {
		return "", fmt.Errorf("write the details of a denial: %w", err)
	}
	text, err := s.seal(ctx, forMessage, d.Principal.Account, plain)
	if err == nil && len(text) > maxMessage {
		return "", fmt.Errorf("a message of %d bytes is longer than can be decoded", len(text))
	}
	return text, err
}

// DecodeAuthorizationMessage opens the details of a denial in the caller's
// account. They can be opened as long as the key that sealed them lives, which
// is a day at the very least.
func (s *Service) DecodeAuthorizationMessage(ctx context.Context, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	plain, err := s.unseal(ctx, forMessage, wire.CallFrom(ctx).Account(), *in.EncodedMessage)
	if errors.Is(err, errSealed) {
		return nil, unreadable()
	}
	if err != nil {
		return nil, err
	}
	return &sts.DecodeAuthorizationMessageOutput{DecodedMessage: aws.String(string(plain))}, nil
}

func (s *Service) onMessage(ctx context.Context, _ *sts.DecodeAuthorizationMessageInput) (authz.Target, error) {
	return authz.Any(), admit(wire.CallFrom(ctx).Principal, "DecodeAuthorizationMessage")
}

package sns

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// The types of messages.
const (
	notificationType = "Notification"
	confirmationType = "SubscriptionConfirmation"
)

const timestampForm = "2006-01-02T15:04:05.000Z"

// A notification is a message as its subscriber gets it (SNS Developer Guide, "Parsing
// Amazon SNS message formats").
type notification struct {
	Type             string
	MessageID        string `json:"MessageId"`
	SequenceNumber   string `json:",omitempty"`
	Token            string `json:",omitempty"`
	TopicARN         string `json:"TopicArn"`
	Subject          string `json:",omitempty"`
	Message          string
	SubscribeURL     string `json:",omitempty"`
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string                    `json:"SigningCertURL"`
	UnsubscribeURL   string                    `json:"UnsubscribeURL,omitempty"`
	Attributes       map[string]shownAttribute `json:"MessageAttributes,omitempty"`
}

// A shownAttribute is a message attribute in a notification.
type shownAttribute struct{ Type, Value string }

func shown(attributes map[string]attribute) map[string]shownAttribute {
	out := make(map[string]shownAttribute, len(attributes))
	for name, a := range attributes {
		v := shownAttribute{Type: a.Type, Value: a.Text}
		if len(a.Binary) > 0 {
			v.Value = base64.StdEncoding.EncodeToString(a.Binary)
		}
		out[name] = v
	}
	return out
}

// confirmation is the message that asks an endpoint whether it wants the topic's.
func (s *Service) confirmation(t *topic, sub *subscription) *publication {
	topicARN := t.arn(s.Region)
	return &publication{
		ID: sub.ID, TopicARN: topicARN, Type: confirmationType, MessageID: sub.ID, Time: sub.Created, Token: sub.Token, SignatureV2: t.SignatureV2,
		Message: "You have chosen to subscribe to the topic " + topicARN + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
	}
}

// notification makes and signs what a subscription gets.
func (s *Service) notification(ctx context.Context, p *publication, sub *subscription) (*notification, error) {
	key, path, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	base := sub.Base
	if base == "" {
		base = s.Endpoint()
	}
	n := &notification{
		Type: p.Type, MessageID: p.MessageID, TopicARN: p.TopicARN, Subject: p.Subject, Message: p.body(sub.Protocol),
		SequenceNumber: p.SequenceNumber, Timestamp: p.Time.UTC().Format(timestampForm), SignatureVersion: "1",
		SigningCertURL: base + path, Attributes: shown(p.Attributes),
	}
	if p.SignatureV2 {
		n.SignatureVersion = "2"
	}
	// Who follows a link signs nothing, and says by the API's version which service it is of.
	link := url.Values{"Version": {"2010-03-31"}}
	if p.Type == confirmationType {
		link.Set("Action", "ConfirmSubscription")
		link.Set("TopicArn", p.TopicARN)
		link.Set("Token", p.Token)
		n.Token, n.SubscribeURL = p.Token, base+"/?"+link.Encode()
	} else {
		link.Set("Action", "Unsubscribe")
		link.Set("SubscriptionArn", sub.arn(s.Region))
		n.UnsubscribeURL = base + "/?" + link.Encode()
	}
	n.Signature, err = sign(key, n.signed(), p.SignatureV2)
	return n, err
}

// signed is the text that the signature is of.
func (n *notification) signed() string {
	var b strings.Builder
	add := func(name, value string) { fmt.Fprintf(&b, "%s\n%s\n", name, value) }
	add("Message", n.Message)
	add("MessageId", n.MessageID)
	if n.Type == confirmationType {
		add("SubscribeURL", n.SubscribeURL)
		add("Timestamp", n.Timestamp)
		add("Token", n.Token)
	} else {
		if n.Subject != "" {
			add("Subject", n.Subject)
		}
		add("Timestamp", n.Timestamp)
	}
	add("TopicArn", n.TopicARN)
	add("Type", n.Type)
	return b.String()
}

func (n *notification) json() (string, error) {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return "", fmt.Errorf("message %s of SNS: %w", n.MessageID, err)
	}
	return string(b), nil
}

// A lambdaEvent is what a function gets (Lambda Developer Guide, "Using Lambda with
// Amazon SNS").
type lambdaEvent struct {
	Records []lambdaRecord
}

type lambdaRecord struct {
	EventSource          string
	EventVersion         string
	EventSubscriptionARN string        `json:"EventSubscriptionArn"`
	SNS                  lambdaMessage `json:"Sns"`
}

type lambdaMessage struct {
	Type             string
	MessageID        string  `json:"MessageId"`
	TopicARN         string  `json:"TopicArn"`
	Subject          *string `json:"Subject"`
	Message          string
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string                    `json:"SigningCertUrl"`
	UnsubscribeURL   string                    `json:"UnsubscribeUrl"`
	Attributes       map[string]shownAttribute `json:"MessageAttributes"`
}

func (n *notification) event(subscriptionARN string) ([]byte, error) {
	b, err := json.Marshal(lambdaEvent{[]lambdaRecord{{
		EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionARN: subscriptionARN,
		SNS: lambdaMessage{
			Type: n.Type, MessageID: n.MessageID, TopicARN: n.TopicARN, Subject: optional(n.Subject), Message: n.Message,
			Timestamp: n.Timestamp, SignatureVersion: n.SignatureVersion, Signature: n.Signature,
			SigningCertURL: n.SigningCertURL, UnsubscribeURL: n.UnsubscribeURL, Attributes: n.Attributes,
		},
	}}})
	if err != nil {
		return nil, fmt.Errorf("event of message %s: %w", n.MessageID, err)
	}
	return b, nil
}

package sns

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const pendingARN = "pending confirmation"

// Subscribe adds an endpoint to a topic. Queues and functions of the caller's account
// are subscribed at once; other endpoints get a message that has to be confirmed.
func (s *Service) Subscribe(ctx context.Context, in *sns.SubscribeInput) (*sns.SubscribeOutput, error) {
	t, err := s.topic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	sub := &subscription{
		Account: t.Account, Topic: t.Name, ID: newID(), Owner: call.Account(), Protocol: *in.Protocol,
		Endpoint: aws.ToString(in.Endpoint), Created: s.Clock.Now(), Token: newToken(), Base: call.Endpoint,
	}
	if err := sub.checkEndpoint(t); err != nil {
		return nil, err
	}
	for name, v := range in.Attributes {
		if err := sub.set(name, v); err != nil {
			return nil, err
		}
	}
	if err := sub.checkFilter(); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error { return s.subscribe(tx, t, sub, in) })
	if err != nil {
		return nil, err
	}
	if sub.Confirmed || in.ReturnSubscriptionArn {
		s.wake()
		return &sns.SubscribeOutput{SubscriptionArn: aws.String(sub.arn(s.Region))}, nil
	}
	s.wake()
	return &sns.SubscribeOutput{SubscriptionArn: aws.String(pendingARN)}, nil
}

// checkEndpoint refuses what is no endpoint of its protocol, and settles whether the
// owner has to confirm.
func (s *subscription) checkEndpoint(t *topic) error {
	switch s.Protocol {
	case "http", "https":
		u, err := url.Parse(s.Endpoint)
		if err != nil || u.Scheme != s.Protocol || u.Host == "" || u.User != nil || len(s.Endpoint) > 2048 {
			return invalid("Endpoint Reason: Endpoint must match the specified protocol")
		}
	case "sqs", "lambda":
		a, err := arn.Parse(s.Endpoint)
		if err != nil || a.Service != s.Protocol || !arn.IsAccount(a.AccountID) || a.Resource == "" {
			return invalid(strings.ToUpper(s.Protocol) + " endpoint ARN")
		}
		if s.Protocol == "sqs" && strings.HasSuffix(a.Resource, ".fifo") && !t.FIFO {
			return invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
		}
		s.Confirmed = a.AccountID == s.Owner || s.Protocol == "lambda"
		s.Authenticated = s.Confirmed
	case "email", "email-json", "sms", "application", "firehose":
		return wire.NotImplemented.In(wire.Query, "Subscriptions of the protocol "+s.Protocol+" are not implemented.")
	default:
		return invalid("Protocol Reason: Does not support this protocol string: " + s.Protocol)
	}
	if t.FIFO && s.Protocol != "sqs" {
		return invalid("Protocol Reason: Invalid protocol type: " + s.Protocol + " for a FIFO topic")
	}
	return nil
}

// subscribe stores a subscription. One of the same endpoint is answered; while that is
// pending it gets another message to confirm.
func (s *Service) subscribe(tx *store.Tx, t *topic, sub *subscription, in *sns.SubscribeInput) error {
	for old, err := range subscriptions.ScanIndex(tx, "endpoint", store.Range{Prefix: store.K(sub.Account, sub.Topic, sub.Protocol, sub.Endpoint), Limit: 1}) {
		if err != nil {
			return err
		}
		if old.Confirmed {
			if len(in.Attributes) > 0 && !sameSettings(old, sub) {
				return invalid("Attributes Reason: Subscription already exists with different attributes")
			}
			*sub = *old
			return nil
		}
		sub.ID = old.ID
		if err := subscriptions.Delete(tx, old.Account, old.Topic, old.ID); err != nil {
			return err
		}
	}
	if err := checkFilters(tx, sub); err != nil {
		return err
	}
	if err := subscriptions.Insert(tx, sub); err != nil || sub.Confirmed {
		return err
	}
	return enlist(tx, t, s.confirmation(t, sub), []*subscription{sub})
}

func sameSettings(a, b *subscription) bool {
	return a.FilterPolicy == b.FilterPolicy && a.FilterBody == b.FilterBody && a.Raw == b.Raw && a.DeadLetters == b.DeadLetters && a.DeliveryPolicy == b.DeliveryPolicy
}

// maxFilters is how many filter policies a topic has at most (SNS Developer Guide,
// "Filter policy constraints").
const maxFilters = 200

func checkFilters(tx *store.Tx, sub *subscription) error {
	if sub.FilterPolicy == "" {
		return nil
	}
	n := 0
	for other, err := range subscriptions.Scan(tx, store.Range{Prefix: store.K(sub.Account, sub.Topic)}) {
		if err != nil {
			return err
		}
		if other.FilterPolicy != "" && other.ID != sub.ID {
			n++
		}
	}
	if n >= maxFilters {
		return &types.FilterPolicyLimitExceededException{Message: aws.String("Topic already has the maximum number of filter policies")}
	}
	return nil
}

// pending returns the subscription of a topic that a token confirms.
func (s *Service) pending(ctx context.Context, topicARN, token string) (found *subscription, err error) {
	if a, err := arn.Parse(topicARN); err == nil {
		s = s.of(a.Region)
	}
	account, name := s.parse(topicARN)
	if account == "" {
		return nil, invalid("TopicArn")
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		found = nil
		for sub, err := range subscriptions.Scan(tx, store.Range{Prefix: store.K(account, name)}) {
			if err != nil {
				return err
			}
			if subtle.ConstantTimeCompare([]byte(sub.Token), []byte(token)) == 1 {
				found = sub
			}
		}
		return nil
	})
	if err == nil && (found == nil || found.Token == "") {
		return nil, invalid("Token")
	}
	return found, err
}

// ConfirmSubscription begins the deliveries to an endpoint that shows its token. To do
// so twice is no error.
func (s *Service) ConfirmSubscription(ctx context.Context, in *sns.ConfirmSubscriptionInput) (*sns.ConfirmSubscriptionOutput, error) {
	if a, err := arn.Parse(*in.TopicArn); err == nil {
		s = s.of(a.Region)
	}
	found, err := s.pending(ctx, *in.TopicArn, *in.Token)
	if err != nil {
		return nil, err
	}
	signed := wire.CallFrom(ctx).Principal.AccessKeyID != "" && wire.CallFrom(ctx).Principal.Kind != iam.Anonymous
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		sub, err := subscriptions.Get(tx, found.Account, found.Topic, found.ID)
		if errors.Is(err, store.ErrNotFound) {
			return invalid("Token")
		}
		if err != nil || sub.Confirmed {
			return err
		}
		sub.Confirmed = true
		sub.Authenticated = signed && aws.ToString(in.AuthenticateOnUnsubscribe) == "true"
		return subscriptions.Put(tx, sub)
	})
	if err != nil {
		return nil, err
	}
	return &sns.ConfirmSubscriptionOutput{SubscriptionArn: aws.String(found.arn(s.Region))}, nil
}

// subscription returns what an ARN names, wherever in the process it is.
func (s *Service) subscription(ctx context.Context, text string) (sub *subscription, err error) {
	a, err := arn.Parse(text)
	name, id, ok := strings.Cut(a.Resource, ":")
	if err != nil || !ok || a.Service != "sns" {
		return nil, invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
	}
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		sub, err = subscriptions.Get(tx, a.AccountID, name, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && a.Region != s.Region {
		return nil, missingSubscription()
	}
	return sub, err
}

// Unsubscribe ends a subscription. One that is not there is no error.
func (s *Service) Unsubscribe(ctx context.Context, in *sns.UnsubscribeInput) (*sns.UnsubscribeOutput, error) {
	if a, err := arn.Parse(*in.SubscriptionArn); err == nil {
		s = s.of(a.Region)
	}
	sub, err := s.subscription(ctx, *in.SubscriptionArn)
	if api := (*types.NotFoundException)(nil); errors.As(err, &api) {
		return &sns.UnsubscribeOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := subscriptions.Delete(tx, sub.Account, sub.Topic, sub.ID); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sns.UnsubscribeOutput{}, nil
}

// ListSubscriptions lists the caller's subscriptions.
func (s *Service) ListSubscriptions(ctx context.Context, in *sns.ListSubscriptionsInput) (*sns.ListSubscriptionsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	kind, key := "sns.ListSubscriptions/"+account, store.K(account)
	after, err := position(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sns.ListSubscriptionsOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		rows := subscriptions.ScanIndex(tx, "owner", store.Range{Prefix: key, After: after, Limit: pageSize + 1})
		l := listing{region: s.Region, kind: kind, at: func(sub *subscription) store.Key { return subscriptions.IndexAfter(key, sub) }}
		out.Subscriptions, out.NextToken, err = l.page(rows)
		return err
	})
	return out, err
}

// ListSubscriptionsByTopic lists a topic's subscriptions.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	t, err := s.topic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	kind := "sns.ListSubscriptionsByTopic/" + *in.TopicArn
	after, err := position(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sns.ListSubscriptionsByTopicOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		rows := subscriptions.Scan(tx, store.Range{Prefix: store.K(t.Account, t.Name), After: after, Limit: pageSize + 1})
		l := listing{region: s.Region, kind: kind, at: func(sub *subscription) store.Key { return store.K(sub.Account, sub.Topic, sub.ID) }}
		out.Subscriptions, out.NextToken, err = l.page(rows)
		return err
	})
	return out, err
}

// A listing makes pages of subscriptions.
type listing struct {
	region, kind string
	at           func(*subscription) store.Key
}

func (l *listing) page(rows func(func(*subscription, error) bool)) ([]types.Subscription, *string, error) {
	out := []types.Subscription{}
	var last *subscription
	for sub, err := range rows {
		if err != nil {
			return nil, nil, err
		}
		if len(out) == pageSize {
			return out, aws.String(page.Token(l.kind, l.at(last))), nil
		}
		out = append(out, sub.api(l.region))
		last = sub
	}
	return out, nil, nil
}

func (s *subscription) api(region string) types.Subscription {
	name := "PendingConfirmation"
	if s.Confirmed {
		name = s.arn(region)
	}
	t := topic{Account: s.Account, Name: s.Topic}
	return types.Subscription{SubscriptionArn: &name, Owner: &s.Owner, Protocol: &s.Protocol, Endpoint: &s.Endpoint, TopicArn: aws.String(t.arn(region))}
}

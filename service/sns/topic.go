package sns

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const topicType = "AWS::SNS::Topic"

// pageSize is how many topics or subscriptions one answer has (SNS API Reference,
// ListTopics, ListSubscriptions).
const pageSize = 100

const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func validName(name string) bool {
	stem := strings.TrimSuffix(name, ".fifo")
	return stem != "" && len(name) <= 256 && strings.Trim(stem, word) == ""
}

// parse reads a topic's ARN of this Region. What is none names no topic.
func (s *Service) parse(text string) (account, name string) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "sns" || a.Region != s.Region || !arn.IsAccount(a.AccountID) || !validName(a.Resource) {
		return "", ""
	}
	return a.AccountID, a.Resource
}

// topic returns the topic under an ARN, which must not be changed.
func (s *Service) topic(ctx context.Context, text string) (t *topic, err error) {
	account, name := s.parse(text)
	if account == "" {
		return nil, invalid("TopicArn")
	}
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		t, err = topics.Get(tx, account, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missingTopic()
	}
	return t, err
}

// CreateTopic makes a topic. One that is there already with the same attributes is
// answered.
func (s *Service) CreateTopic(ctx context.Context, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	call := wire.CallFrom(ctx)
	name := *in.Name
	fifo := in.Attributes["FifoTopic"] == "true"
	if !validName(name) || fifo != strings.HasSuffix(name, ".fifo") {
		return nil, invalid("Topic Name")
	}
	if aws.ToString(in.DataProtectionPolicy) != "" {
		return nil, wire.NotImplemented.In(wire.Query, "Data protection policies are not implemented.")
	}
	t := &topic{Account: call.Account(), Name: name, FIFO: fifo, Created: s.Clock.Now(), Tags: tagMap(in.Tags)}
	if err := checkTags(t.Tags); err != nil {
		return nil, err
	}
	for k, v := range in.Attributes {
		if k == "FifoTopic" {
			continue
		}
		if err := t.set(k, v); err != nil {
			return nil, err
		}
	}
	topicARN := t.arn(s.Region)
	call.Made = append(call.Made, wire.Resource{ARN: topicARN, Type: topicType})
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		old, err := topics.Get(tx, t.Account, t.Name)
		if errors.Is(err, store.ErrNotFound) {
			return topics.Insert(tx, t)
		}
		if err != nil {
			return err
		}
		return s.same(old, t, in)
	})
	if err != nil {
		return nil, err
	}
	return &sns.CreateTopicOutput{TopicArn: &topicARN}, nil
}

// same fails unless the topic that is there is as CreateTopic asks for.
func (s *Service) same(old, t *topic, in *sns.CreateTopicInput) error {
	before, after := old.attributes(s.Region), t.attributes(s.Region)
	for name := range in.Attributes {
		if before[name] != after[name] {
			return invalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	if len(in.Tags) > 0 && !maps.Equal(old.Tags, t.Tags) {
		return invalid("Tags Reason: Topic already exists with different tags")
	}
	return nil
}

// DeleteTopic removes a topic, its subscriptions and what they have still to get. One
// that is not there is no error.
func (s *Service) DeleteTopic(ctx context.Context, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	account, name := s.parse(*in.TopicArn)
	if account == "" {
		return nil, invalid("TopicArn")
	}
	for more := true; more; {
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			n, err := dropSubscriptions(tx, account, name)
			if more = n > 0; err != nil || more {
				return err
			}
			if err := topics.Delete(tx, account, name); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &sns.DeleteTopicOutput{}, nil
}

// dropSubscriptions removes some of a topic's subscriptions. Run then finds that the
// deliveries to them have nobody to go to.
func dropSubscriptions(tx *store.Tx, account, name string) (int, error) {
	var some []*subscription
	for sub, err := range subscriptions.Scan(tx, store.Range{Prefix: store.K(account, name), Limit: 500}) {
		if err != nil {
			return 0, err
		}
		some = append(some, sub)
	}
	for _, sub := range some {
		if err := subscriptions.Delete(tx, sub.Account, sub.Topic, sub.ID); err != nil {
			return 0, err
		}
	}
	return len(some), nil
}

// ListTopics lists the caller's topics by name.
func (s *Service) ListTopics(ctx context.Context, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	kind := "sns.ListTopics/" + account
	after, err := position(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sns.ListTopicsOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		out.Topics = []types.Topic{}
		var last store.Key
		for t, err := range topics.Scan(tx, store.Range{Prefix: store.K(account), After: after, Limit: pageSize + 1}) {
			if err != nil {
				return err
			}
			if len(out.Topics) == pageSize {
				out.NextToken = aws.String(page.Token(kind, last))
				return nil
			}
			out.Topics = append(out.Topics, types.Topic{TopicArn: aws.String(t.arn(s.Region))})
			last = store.K(t.Account, t.Name)
		}
		return nil
	})
	return out, err
}

func position(kind string, token *string) (store.Key, error) {
	if aws.ToString(token) == "" {
		return nil, nil
	}
	after, err := page.Position(kind, *token)
	if err != nil {
		return nil, invalid("NextToken Reason: Invalid token")
	}
	return after, nil
}

// edit changes a topic's row.
func (s *Service) edit(ctx context.Context, text string, change func(*topic) error) error {
	account, name := s.parse(text)
	if account == "" {
		return invalid("TopicArn")
	}
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		t, err := topics.Get(tx, account, name)
		if errors.Is(err, store.ErrNotFound) {
			return missingTopic()
		}
		if err != nil {
			return err
		}
		next := *t
		next.Tags = maps.Clone(t.Tags)
		if err := change(&next); err != nil {
			return err
		}
		return topics.Put(tx, &next)
	})
}

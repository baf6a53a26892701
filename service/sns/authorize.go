package sns

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// on asks for the operation's own action on a topic.
func (s *Service) on(ctx context.Context, topicARN *string) (authz.Target, error) {
	account, _ := s.parse(*topicARN)
	t := authz.Target{Resource: *topicARN, Account: account, Type: topicType}
	row, err := s.topic(ctx, *topicARN)
	if api := (*types.InvalidParameterException)(nil); errors.As(err, &api) {
		t.Type, t.Missing, t.Resource = "", err, "*"
		return t, nil
	}
	if api := (*types.NotFoundException)(nil); errors.As(err, &api) {
		t.Type, t.Missing = "", err
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Policy, t.Tags = row.policy(s.Region), row.Tags
	return t, nil
}

func (s *Service) onCreateTopic(ctx context.Context, in *sns.CreateTopicInput) (authz.Target, error) {
	t := authz.Target{Resource: arn.New("sns", s.Region, wire.CallFrom(ctx).Account(), *in.Name), Conditions: tagging(in.Tags)}
	if len(in.Tags) > 0 {
		tag := t
		tag.Action = "sns:TagResource"
		t.And = []authz.Target{tag}
	}
	return t, nil
}

func tagging(tags []types.Tag) map[string][]string {
	c := map[string][]string{}
	for _, t := range tags {
		k := aws.ToString(t.Key)
		c["aws:requesttag/"+strings.ToLower(k)] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], k)
	}
	return c
}

func (s *Service) onDeleteTopic(ctx context.Context, in *sns.DeleteTopicInput) (authz.Target, error) {
	t, err := s.on(ctx, in.TopicArn)
	if api := (*types.NotFoundException)(nil); errors.As(t.Missing, &api) {
		t.Missing = nil // it shall not be there, and it is not
	}
	return t, err
}

func (s *Service) onListTopics(context.Context, *sns.ListTopicsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onGetTopicAttributes(ctx context.Context, in *sns.GetTopicAttributesInput) (authz.Target, error) {
	return s.on(ctx, in.TopicArn)
}

func (s *Service) onSetTopicAttributes(ctx context.Context, in *sns.SetTopicAttributesInput) (authz.Target, error) {
	return s.on(ctx, in.TopicArn)
}

func (s *Service) onAddPermission(ctx context.Context, in *sns.AddPermissionInput) (authz.Target, error) {
	return s.on(ctx, in.TopicArn)
}

func (s *Service) onRemovePermission(ctx context.Context, in *sns.RemovePermissionInput) (authz.Target, error) {
	return s.on(ctx, in.TopicArn)
}

// onSubscribe brings SNS's own condition keys (Service Authorization Reference,
// "Condition keys for Amazon SNS").
func (s *Service) onSubscribe(ctx context.Context, in *sns.SubscribeInput) (authz.Target, error) {
	t, err := s.on(ctx, in.TopicArn)
	t.Conditions = map[string][]string{"sns:protocol": {*in.Protocol}, "sns:endpoint": {aws.ToString(in.Endpoint)}}
	return t, err
}

func (s *Service) onPublish(ctx context.Context, in *sns.PublishInput) (authz.Target, error) {
	to, err := topicOf(in)
	if err != nil {
		return authz.Target{Resource: "*", Missing: err}, nil
	}
	return s.on(ctx, to)
}

func (s *Service) onPublishBatch(ctx context.Context, in *sns.PublishBatchInput) (authz.Target, error) {
	t, err := s.on(ctx, in.TopicArn)
	t.Action = "sns:Publish"
	return t, err
}

func (s *Service) onListSubscriptions(context.Context, *sns.ListSubscriptionsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput) (authz.Target, error) {
	return s.on(ctx, in.TopicArn)
}

// onConfirmSubscription takes the token for the proof of who calls, where nobody
// signed: the call is then the subscription's owner's. A signed call needs the
// permission as well.
func (s *Service) onConfirmSubscription(ctx context.Context, in *sns.ConfirmSubscriptionInput) (authz.Target, error) {
	sub, err := s.pending(ctx, *in.TopicArn, *in.Token)
	if err != nil {
		return authz.Target{}, err
	}
	call := wire.CallFrom(ctx)
	if call.Principal.Kind == iam.Anonymous {
		call.Principal = authz.Root(arn.Root(sub.Owner), sub.Owner, "")
		return authz.Open(), nil
	}
	return s.on(ctx, in.TopicArn)
}

// onUnsubscribe lets in who has the link, unless the subscription was confirmed so
// that it asks for a signature; then only the subscription's and the topic's owners.
func (s *Service) onUnsubscribe(ctx context.Context, in *sns.UnsubscribeInput) (authz.Target, error) {
	if a, err := arn.Parse(*in.SubscriptionArn); err == nil {
		s = s.of(a.Region)
	}
	sub, err := s.subscription(ctx, *in.SubscriptionArn)
	call := wire.CallFrom(ctx)
	if call.Principal.Kind == iam.Anonymous {
		if err != nil {
			return authz.Target{}, err
		}
		if sub.Authenticated {
			return authz.Target{}, &types.AuthorizationErrorException{Message: aws.String("Unsubscribe of this subscription must be authenticated.")}
		}
		call.Principal = authz.Root(arn.Root(sub.Owner), sub.Owner, "")
		return authz.Open(), nil
	}
	return s.onSubscription(ctx, in.SubscriptionArn)
}

// onSubscription asks for the operation's own action on a subscription, for its owner
// and the topic's.
func (s *Service) onSubscription(ctx context.Context, text *string) (authz.Target, error) {
	sub, err := s.subscription(ctx, *text)
	t := authz.Target{Resource: *text}
	if api := (*types.NotFoundException)(nil); errors.As(err, &api) {
		t.Missing = err
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Account = sub.Account
	if wire.CallFrom(ctx).Account() == sub.Owner {
		t.Account = sub.Owner
	}
	return t, nil
}

func (s *Service) onGetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput) (authz.Target, error) {
	return s.onSubscription(ctx, in.SubscriptionArn)
}

func (s *Service) onSetSubscriptionAttributes(ctx context.Context, in *sns.SetSubscriptionAttributesInput) (authz.Target, error) {
	return s.onSubscription(ctx, in.SubscriptionArn)
}

func (s *Service) onTagResource(ctx context.Context, in *sns.TagResourceInput) (authz.Target, error) {
	t, err := s.on(ctx, in.ResourceArn)
	t.Conditions = tagging(in.Tags)
	return t, err
}

func (s *Service) onUntagResource(ctx context.Context, in *sns.UntagResourceInput) (authz.Target, error) {
	t, err := s.on(ctx, in.ResourceArn)
	if len(in.TagKeys) > 0 {
		t.Conditions = map[string][]string{"aws:tagkeys": in.TagKeys}
	}
	return t, err
}

func (s *Service) onListTagsForResource(ctx context.Context, in *sns.ListTagsForResourceInput) (authz.Target, error) {
	return s.on(ctx, in.ResourceArn)
}

package sqs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// on asks for the operation's own action on the queue under a URL.
func (s *Service) on(ctx context.Context, url *string) (authz.Target, error) {
	return s.target(ctx, s.parse(*url))
}

// own is on for operations that no policy opens to other accounts (SQS Developer
// Guide, "Limitations of Amazon SQS custom policies").
func (s *Service) own(ctx context.Context, url *string) (authz.Target, error) {
	r := s.parse(*url)
	t, err := s.target(ctx, r)
	if r.account != wire.CallFrom(ctx).Account() {
		t.Policy = ""
	}
	return t, err
}

func (s *Service) target(ctx context.Context, r reference) (authz.Target, error) {
	t := authz.Target{Resource: arn.New("sqs", s.region, r.account, r.name), Account: r.account, Type: queueType}
	q, err := s.named(ctx, r.account, r.name)
	if e := (*types.QueueDoesNotExist)(nil); errors.As(err, &e) {
		t.Missing, t.Type = err, ""
		if r.account == "" {
			t.Account = wire.CallFrom(ctx).Account()
		}
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Policy, t.Tags = q.Settings.Policy, q.Tags
	return t, nil
}

// tagging are the condition keys of tags that a request brings.
func tagging(tags map[string]string) map[string][]string {
	c := map[string][]string{}
	for k, v := range tags {
		c["aws:requesttag/"+strings.ToLower(k)] = []string{v}
	}
	if len(tags) > 0 {
		c["aws:tagkeys"] = slices.Sorted(maps.Keys(tags))
	}
	return c
}

func (s *Service) onCreateQueue(ctx context.Context, in *sqs.CreateQueueInput) (authz.Target, error) {
	t := authz.Target{
		Resource:   arn.New("sqs", s.region, wire.CallFrom(ctx).Account(), *in.QueueName),
		Conditions: tagging(in.Tags),
	}
	if len(in.Tags) > 0 {
		tag := t
		tag.Action = "sqs:TagQueue"
		t.And = []authz.Target{tag}
	}
	return t, nil
}

func (s *Service) onGetQueueURL(ctx context.Context, in *sqs.GetQueueUrlInput) (authz.Target, error) {
	account := aws.ToString(in.QueueOwnerAWSAccountId)
	if account == "" {
		account = wire.CallFrom(ctx).Account()
	}
	return s.target(ctx, reference{account, *in.QueueName})
}

func (s *Service) onListQueues(context.Context, *sqs.ListQueuesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDeleteQueue(ctx context.Context, in *sqs.DeleteQueueInput) (authz.Target, error) {
	return s.own(ctx, in.QueueUrl)
}

func (s *Service) onPurgeQueue(ctx context.Context, in *sqs.PurgeQueueInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onGetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onSetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput) (authz.Target, error) {
	return s.own(ctx, in.QueueUrl)
}

func (s *Service) onSendMessage(ctx context.Context, in *sqs.SendMessageInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onSendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput) (authz.Target, error) {
	return s.as(ctx, in.QueueUrl, "sqs:SendMessage")
}

// as is on for a batch, which asks for the action of its single kind.
func (s *Service) as(ctx context.Context, url *string, action string) (authz.Target, error) {
	t, err := s.on(ctx, url)
	t.Action = action
	return t, err
}

func (s *Service) onReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onDeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onDeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput) (authz.Target, error) {
	return s.as(ctx, in.QueueUrl, "sqs:DeleteMessage")
}

func (s *Service) onChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

func (s *Service) onChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput) (authz.Target, error) {
	return s.as(ctx, in.QueueUrl, "sqs:ChangeMessageVisibility")
}

func (s *Service) onListDeadLetterSourceQueues(ctx context.Context, in *sqs.ListDeadLetterSourceQueuesInput) (authz.Target, error) {
	return s.on(ctx, in.QueueUrl)
}

// onStartMessageMoveTask asks for what the move will do as well (SQS Developer Guide,
// "Configuring queue permissions for dead-letter queue redrive").
func (s *Service) onStartMessageMoveTask(ctx context.Context, in *sqs.StartMessageMoveTaskInput) (authz.Target, error) {
	t, err := s.ownARN(ctx, *in.SourceArn)
	if err != nil || t.Missing != nil {
		return t, err
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		also := t
		also.Action, also.And, also.Type = action, nil, ""
		t.And = append(t.And, also)
	}
	if in.DestinationArn == nil {
		return t, nil
	}
	to, err := s.ownARN(ctx, *in.DestinationArn)
	to.Action = "sqs:SendMessage"
	t.And = append(t.And, to)
	return t, err
}

func (s *Service) ownARN(ctx context.Context, text string) (authz.Target, error) {
	r, ok := s.parseARN(text)
	if !ok {
		t := authz.On(text)
		t.Missing = noResource()
		return t, nil
	}
	t, err := s.target(ctx, r)
	if r.account != wire.CallFrom(ctx).Account() {
		t.Policy = ""
	}
	if t.Missing != nil {
		t.Missing = noResource()
	}
	return t, err
}

func (s *Service) onCancelMessageMoveTask(ctx context.Context, in *sqs.CancelMessageMoveTaskInput) (authz.Target, error) {
	_, source, ok := parseTask(*in.TaskHandle)
	if !ok {
		t := authz.Any()
		t.Missing = noTask()
		return t, nil
	}
	return s.ownARN(ctx, source)
}

func (s *Service) onListMessageMoveTasks(ctx context.Context, in *sqs.ListMessageMoveTasksInput) (authz.Target, error) {
	return s.ownARN(ctx, *in.SourceArn)
}

func (s *Service) onAddPermission(ctx context.Context, in *sqs.AddPermissionInput) (authz.Target, error) {
	return s.own(ctx, in.QueueUrl)
}

func (s *Service) onRemovePermission(ctx context.Context, in *sqs.RemovePermissionInput) (authz.Target, error) {
	return s.own(ctx, in.QueueUrl)
}

func (s *Service) onTagQueue(ctx context.Context, in *sqs.TagQueueInput) (authz.Target, error) {
	t, err := s.own(ctx, in.QueueUrl)
	t.Conditions = tagging(in.Tags)
	return t, err
}

func (s *Service) onUntagQueue(ctx context.Context, in *sqs.UntagQueueInput) (authz.Target, error) {
	t, err := s.own(ctx, in.QueueUrl)
	if len(in.TagKeys) > 0 {
		t.Conditions = map[string][]string{"aws:tagkeys": in.TagKeys}
	}
	return t, err
}

func (s *Service) onListQueueTags(ctx context.Context, in *sqs.ListQueueTagsInput) (authz.Target, error) {
	return s.own(ctx, in.QueueUrl)
}

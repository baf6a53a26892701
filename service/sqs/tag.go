package sqs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/garrison-cloud/garrison/internal/store"
)

// maxTags is how many tags a queue has at most (SQS Developer Guide, "Amazon SQS cost
// allocation tags").
const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fault("InvalidParameterValue", "Too many tags added for queue.")
	}
	for k, v := range tags {
		if k == "" || len([]rune(k)) > 128 || len([]rune(v)) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return fault("InvalidParameterValue", "Tag keys must be between 1 and 128 characters in length, must not begin with aws:, and tag values at most 256 characters.")
		}
	}
	return nil
}

// TagQueue adds tags, and overwrites those of the same key.
func (s *Service) TagQueue(ctx context.Context, in *sqs.TagQueueInput) (*sqs.TagQueueOutput, error) {
	err := s.edit(ctx, *in.QueueUrl, func(_ *store.Tx, q *queue) error {
		if q.Tags == nil {
			q.Tags = map[string]string{}
		}
		maps.Copy(q.Tags, in.Tags)
		return checkTags(q.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &sqs.TagQueueOutput{}, nil
}

// UntagQueue removes tags. Those that are not there are no error.
func (s *Service) UntagQueue(ctx context.Context, in *sqs.UntagQueueInput) (*sqs.UntagQueueOutput, error) {
	err := s.edit(ctx, *in.QueueUrl, func(_ *store.Tx, q *queue) error {
		for _, k := range in.TagKeys {
			delete(q.Tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sqs.UntagQueueOutput{}, nil
}

// ListQueueTags returns a queue's tags.
func (s *Service) ListQueueTags(ctx context.Context, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	out := &sqs.ListQueueTagsOutput{}
	if len(q.Tags) > 0 {
		out.Tags = q.Tags
	}
	return out, nil
}

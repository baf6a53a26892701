package cloudwatchlogs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// maxTags is how many tags a group has.
const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return &types.TooManyTagsException{Message: aws.String("A log group can have at most 50 tags.")}
	}
	for k := range tags {
		if len(k) >= 4 && strings.EqualFold(k[:4], "aws:") {
			return invalid("Tag keys that begin with aws: are reserved.")
		}
	}
	return nil
}

// TagResource adds tags to a group.
func (s *Service) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	return &cloudwatchlogs.TagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	return &cloudwatchlogs.UntagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) retag(ctx context.Context, resource *string, to func(map[string]string)) error {
	p, err := s.at(ctx, nil, resource)
	if err != nil {
		return err
	}
	return s.edit(ctx, p, func(_ *store.Tx, g *group) error {
		tags := map[string]string{}
		maps.Copy(tags, g.Tags)
		to(tags)
		g.Tags = tags
		return checkTags(tags)
	})
}

// ListTagsForResource lists a group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	p, err := s.at(ctx, nil, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, p)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: g.Tags}, nil
}

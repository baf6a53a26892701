package ssm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

const maxTags = 50

// newTags is the tags that there are with those of a request.
func newTags(had map[string]string, list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(had)+len(list))
	maps.Copy(tags, had)
	given := map[string]bool{}
	for _, t := range list {
		name := aws.ToString(t.Key)
		switch {
		case startsFold(name, "aws:"):
			return nil, invalid("Tag keys starting with 'aws:' are reserved for system use.")
		case given[name]:
			return nil, invalid("Duplicate tag keys found.")
		}
		given[name] = true
		tags[name] = aws.ToString(t.Value)
	}
	if len(tags) > maxTags {
		return nil, &types.TooManyTagsError{}
	}
	return tags, nil
}

// tagged is the parameter that tags are about. Other kinds of resources are not
// served.
func (s *Service) tagged(ctx context.Context, kind types.ResourceTypeForTagging, id string) (reference, error) {
	if kind != types.ResourceTypeForTaggingParameter {
		return reference{}, &types.InvalidResourceType{}
	}
	r, err := s.own(ctx, id)
	if err != nil {
		return r, &types.InvalidResourceId{}
	}
	return r, nil
}

// AddTagsToResource adds tags to a parameter, or changes their values.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	err := s.retag(ctx, in.ResourceType, *in.ResourceId, func(p *parameter) (err error) {
		p.Tags, err = newTags(p.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &ssm.AddTagsToResourceOutput{}, nil
}

// RemoveTagsFromResource takes tags away. One that is not there is no error.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	err := s.retag(ctx, in.ResourceType, *in.ResourceId, func(p *parameter) error {
		p.Tags = maps.Clone(p.Tags)
		for _, key := range in.TagKeys {
			delete(p.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ssm.RemoveTagsFromResourceOutput{}, nil
}

func (s *Service) retag(ctx context.Context, kind types.ResourceTypeForTagging, id string, change func(*parameter) error) error {
	r, err := s.tagged(ctx, kind, id)
	if err != nil {
		return err
	}
	err = s.edit(ctx, &r, func(_ *store.Tx, p *parameter) error { return change(p) })
	return or(&types.InvalidResourceId{}, err)
}

// ListTagsForResource lists a parameter's tags by their keys.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	r, err := s.tagged(ctx, in.ResourceType, *in.ResourceId)
	if err != nil {
		return nil, err
	}
	p, err := s.read(ctx, &r)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &types.InvalidResourceId{}
	}
	if err != nil {
		return nil, err
	}
	out := &ssm.ListTagsForResourceOutput{TagList: make([]types.Tag, 0, len(p.Tags))}
	for k, v := range p.Tags {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(out.TagList, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out, nil
}

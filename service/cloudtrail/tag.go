package cloudtrail

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// Limits of tags (CloudTrail API Reference, AddTags, ListTags).
const (
	maxTags      = 50
	maxTagKey    = 128
	maxTagValue  = 256
	maxTagTrails = 20
)

func tagMap(tags []types.Tag) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		k, v := aws.ToString(t.Key), aws.ToString(t.Value)
		if k == "" || len([]rune(k)) > maxTagKey || len([]rune(v)) > maxTagValue || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, &types.InvalidTagParameterException{Message: aws.String("Tag key or value is not valid.")}
		}
		if _, twice := out[k]; twice {
			return nil, &types.InvalidTagParameterException{Message: aws.String("Tag keys must be unique.")}
		}
		out[k] = v
	}
	return out, checkTagCount(out)
}

func checkTagCount(tags map[string]string) error {
	if len(tags) > maxTags {
		return &types.TagsLimitExceededException{Message: aws.String("The number of tags per trail has exceeded the permitted amount: 50.")}
	}
	return nil
}

func requestTags(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	out := map[string][]string{"aws:tagkeys": slices.Sorted(maps.Keys(tags))}
	for k, v := range tags {
		out["aws:requesttag/"+strings.ToLower(k)] = []string{v}
	}
	return out
}

// AddTags adds tags to a trail, and overwrites those of the same key.
func (s *Service) AddTags(ctx context.Context, in *cloudtrail.AddTagsInput) (*cloudtrail.AddTagsOutput, error) {
	tags, err := tagMap(in.TagsList)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, aws.ToString(in.ResourceId), func(t *trail) error {
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		maps.Copy(t.Tags, tags)
		return checkTagCount(t.Tags)
	})
	if err != nil {
		return nil, taggedFault(err)
	}
	return &cloudtrail.AddTagsOutput{}, nil
}

// RemoveTags removes tags by their keys. Those that are not there are no error.
func (s *Service) RemoveTags(ctx context.Context, in *cloudtrail.RemoveTagsInput) (*cloudtrail.RemoveTagsOutput, error) {
	_, err := s.edit(ctx, aws.ToString(in.ResourceId), func(t *trail) error {
		for _, tag := range in.TagsList {
			delete(t.Tags, aws.ToString(tag.Key))
		}
		return nil
	})
	if err != nil {
		return nil, taggedFault(err)
	}
	return &cloudtrail.RemoveTagsOutput{}, nil
}

// ListTags returns the tags of up to 20 trails.
func (s *Service) ListTags(ctx context.Context, in *cloudtrail.ListTagsInput) (*cloudtrail.ListTagsOutput, error) {
	if len(in.ResourceIdList) > maxTagTrails {
		return nil, &types.InvalidTagParameterException{Message: aws.String("Up to 20 resources can be listed at a time.")}
	}
	out := &cloudtrail.ListTagsOutput{ResourceTagList: []types.ResourceTag{}}
	for _, id := range in.ResourceIdList {
		t, err := s.find(ctx, id)
		if err != nil {
			return nil, taggedFault(err)
		}
		r := types.ResourceTag{ResourceId: aws.String(id), TagsList: []types.Tag{}}
		for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
			r.TagsList = append(r.TagsList, types.Tag{Key: aws.String(k), Value: aws.String(t.Tags[k])})
		}
		out.ResourceTagList = append(out.ResourceTagList, r)
	}
	return out, nil
}

// taggedFault is an error in the words of the tag operations, which know resources.
func taggedFault(err error) error {
	if codeOf(err) == "TrailNotFoundException" {
		return &types.ResourceNotFoundException{Message: aws.String("The specified resource was not found.")}
	}
	return err
}

// onTagged asks for the operation on one resource, which is named by its ARN only.
func (s *Service) onTagged(ctx context.Context, id string, conditions map[string][]string) (authz.Target, error) {
	if !strings.HasPrefix(id, "arn:") {
		return authz.Target{Resource: "*", Missing: &types.CloudTrailARNInvalidException{Message: aws.String("The ARN is not valid: " + id)}}, nil
	}
	t, err := s.on(ctx, &id)
	t.Conditions = conditions
	if t.Missing != nil {
		t.Missing = taggedFault(t.Missing)
	}
	return t, err
}

func (s *Service) onAddTags(ctx context.Context, in *cloudtrail.AddTagsInput) (authz.Target, error) {
	tags, err := tagMap(in.TagsList)
	t, onErr := s.onTagged(ctx, aws.ToString(in.ResourceId), requestTags(tags))
	if err != nil && t.Missing == nil {
		t.Missing = err
	}
	return t, onErr
}

func (s *Service) onRemoveTags(ctx context.Context, in *cloudtrail.RemoveTagsInput) (authz.Target, error) {
	keys := []string{}
	for _, t := range in.TagsList {
		keys = append(keys, aws.ToString(t.Key))
	}
	return s.onTagged(ctx, aws.ToString(in.ResourceId), map[string][]string{"aws:tagkeys": keys})
}

func (s *Service) onListTags(ctx context.Context, in *cloudtrail.ListTagsInput) (authz.Target, error) {
	var all []authz.Target
	for i, id := range in.ResourceIdList {
		if i == maxTagTrails {
			break
		}
		t, err := s.onTagged(ctx, id, nil)
		if err != nil {
			return t, err
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return authz.Any(), nil
	}
	first := all[0]
	first.And = all[1:]
	return first, nil
}

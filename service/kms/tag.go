package kms

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	maxTags   = 50
	tagsToken = "kms.ListResourceTags"
)

func tagFault(message string) error { return &types.TagException{Message: &message} }

// newTags reads tags in a request.
func newTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		name := aws.ToString(t.TagKey)
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return nil, tagFault("Tags beginning with aws: are reserved")
		}
		if _, twice := tags[name]; twice {
			return nil, tagFault("Duplicate tag keys")
		}
		tags[name] = aws.ToString(t.TagValue)
	}
	if len(tags) > maxTags {
		return nil, tagFault("Too many tags")
	}
	return tags, nil
}

// TagResource adds tags to a key, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	fresh, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if err := k.leaving(); err != nil {
			return err
		}
		if k.Tags == nil {
			k.Tags = map[string]string{}
		}
		maps.Copy(k.Tags, fresh)
		if len(k.Tags) > maxTags {
			return tagFault("Too many tags")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.TagResourceOutput{}, nil
}

// UntagResource takes tags away. One that is not there is no error.
func (s *Service) UntagResource(ctx context.Context, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	_, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if err := k.leaving(); err != nil {
			return err
		}
		for _, name := range in.TagKeys {
			delete(k.Tags, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.UntagResourceOutput{}, nil
}

// ListResourceTags lists a key's tags by name.
func (s *Service) ListResourceTags(ctx context.Context, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	after, err := position(tagsToken, in.Marker)
	if err != nil {
		return nil, err
	}
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	limit, err := tagPage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	out := &kms.ListResourceTagsOutput{Tags: []types.Tag{}}
	for _, name := range slices.Sorted(maps.Keys(k.Tags)) {
		if after != nil && name <= string(after) {
			continue
		}
		if len(out.Tags) == limit {
			last := *out.Tags[limit-1].TagKey
			out.Truncated, out.NextMarker = true, aws.String(page.Token(tagsToken, []byte(last)))
			break
		}
		out.Tags = append(out.Tags, types.Tag{TagKey: &name, TagValue: aws.String(k.Tags[name])})
	}
	return out, nil
}

package secretsmanager

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const maxTags = 50

// newTags reads tags in a request.
func newTags(list []types.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		name := aws.ToString(t.Key)
		switch _, twice := tags[name]; {
		case name == "":
			return nil, invalidParameter("A tag needs a key.")
		case strings.HasPrefix(strings.ToLower(name), "aws:"):
			return nil, invalidParameter("Tag keys beginning with aws: are reserved.")
		case twice:
			return nil, invalidParameter("Duplicate tag keys found.")
		}
		tags[name] = aws.ToString(t.Value)
	}
	return tags, checkTagCount(tags)
}

func checkTagCount(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalidParameter("A secret can have at most %d tags.", maxTags)
	}
	return nil
}

// TagResource adds tags to a secret, or changes their values.
func (s *Service) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	fresh, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	change := func(tags map[string]string) { maps.Copy(tags, fresh) }
	if err := s.retag(ctx, in.SecretId, conditions{}.tags(in.Tags), change); err != nil {
		return nil, err
	}
	return &secretsmanager.TagResourceOutput{}, nil
}

// UntagResource takes tags away. One that is not there is no error.
func (s *Service) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	change := func(tags map[string]string) {
		for _, name := range in.TagKeys {
			delete(tags, name)
		}
	}
	if err := s.retag(ctx, in.SecretId, untagging(in.TagKeys), change); err != nil {
		return nil, err
	}
	return &secretsmanager.UntagResourceOutput{}, nil
}

// retag changes a secret's tags, unless the caller would lose the right to by it
// (Secrets Manager API Reference, TagResource).
func (s *Service) retag(ctx context.Context, given *string, c conditions, change func(map[string]string)) error {
	row, err := s.active(ctx, given)
	if err != nil {
		return err
	}
	t, _, err := s.target(ctx, *given, c)
	if err != nil {
		return err
	}
	t.Tags = changed(row.Tags, change)
	if err := wire.CallFrom(ctx).Check(ctx, t); err != nil {
		return err
	}
	_, err = s.edit(ctx, given, func(_ *store.Tx, row *secret) error {
		row.Tags = changed(row.Tags, change)
		return checkTagCount(row.Tags)
	})
	return err
}

func changed(tags map[string]string, change func(map[string]string)) map[string]string {
	out := make(map[string]string, len(tags))
	maps.Copy(out, tags)
	change(out)
	return out
}

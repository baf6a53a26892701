package lambda

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/garrison-cloud/garrison/internal/store"
)

// maxTags is how many tags a function has (Lambda Developer Guide, "Using tags").
const maxTags = 50

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Tag count exceeds the limit of %d.", maxTags)
	}
	for k, v := range tags {
		if len(k) == 0 || len([]rune(k)) > 128 || len([]rune(v)) > 256 || len(k) >= 4 && strings.EqualFold(k[:4], "aws:") {
			return invalid("The tag key or value is not valid: %s", k)
		}
	}
	return nil
}

// editFunction changes what the versions have in common.
func (s *Service) editFunction(ctx context.Context, name string, to func(*store.Tx, *function) error) error {
	r, err := s.parse(ctx, name, nil)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		f, err := functions.Get(tx, r.account, r.name)
		if err != nil {
			return err
		}
		if err := to(tx, f); err != nil {
			return err
		}
		return functions.Put(tx, f)
	})
	if errors.Is(err, store.ErrNotFound) {
		return noFunction(s.functionARN(r.account, r.name))
	}
	return err
}

// TagResource adds tags to a function.
func (s *Service) TagResource(ctx context.Context, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	err := s.editFunction(ctx, *in.Resource, func(_ *store.Tx, f *function) error {
		all := map[string]string{}
		maps.Copy(all, f.Tags)
		maps.Copy(all, in.Tags)
		f.Tags = all
		return checkTags(all)
	})
	return &lambda.TagResourceOutput{}, err
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	err := s.editFunction(ctx, *in.Resource, func(_ *store.Tx, f *function) error {
		for _, k := range in.TagKeys {
			delete(f.Tags, k)
		}
		return nil
	})
	return &lambda.UntagResourceOutput{}, err
}

// ListTags lists a function's tags.
func (s *Service) ListTags(ctx context.Context, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	r, err := s.parse(ctx, *in.Resource, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, r)
	if err != nil {
		return nil, err
	}
	tags := f.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &lambda.ListTagsOutput{Tags: tags}, nil
}

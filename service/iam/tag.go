package iam

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

func (s *Service) tagOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.TagUserInput) *string { return in.UserName },
			tagged(func(in *iam.TagUserInput) []types.Tag { return in.Tags })), s.TagUser),
		op(on(s, users, func(in *iam.UntagUserInput) *string { return in.UserName },
			untagged(func(in *iam.UntagUserInput) []string { return in.TagKeys })), s.UntagUser),
		op(on(s, users, func(in *iam.ListUserTagsInput) *string { return in.UserName }), s.ListUserTags),
		op(on(s, roles, func(in *iam.TagRoleInput) *string { return in.RoleName },
			tagged(func(in *iam.TagRoleInput) []types.Tag { return in.Tags })), s.TagRole),
		op(on(s, roles, func(in *iam.UntagRoleInput) *string { return in.RoleName },
			untagged(func(in *iam.UntagRoleInput) []string { return in.TagKeys })), s.UntagRole),
		op(on(s, roles, func(in *iam.ListRoleTagsInput) *string { return in.RoleName }), s.ListRoleTags),
		op(onPolicy(s, func(in *iam.TagPolicyInput) *string { return in.PolicyArn },
			tagged(func(in *iam.TagPolicyInput) []types.Tag { return in.Tags })), s.TagPolicy),
		op(onPolicy(s, func(in *iam.UntagPolicyInput) *string { return in.PolicyArn },
			untagged(func(in *iam.UntagPolicyInput) []string { return in.TagKeys })), s.UntagPolicy),
		op(onPolicy(s, func(in *iam.ListPolicyTagsInput) *string { return in.PolicyArn }), s.ListPolicyTags),
	}
}

// newTags returns old with the tags added. Keys keep their case and are distinct
// without it (IAM User Guide, "Tags for IAM resources").
func newTags(old map[string]string, tags []types.Tag) (map[string]string, error) {
	seen := map[string]bool{}
	out := maps.Clone(old)
	if out == nil && len(tags) > 0 {
		out = map[string]string{}
	}
	for _, t := range tags {
		if seen[fold(*t.Key)] {
			return nil, invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[fold(*t.Key)] = true
		dropTag(out, *t.Key)
		out[*t.Key] = *t.Value
	}
	if len(out) > maxTags {
		return nil, limited("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

func dropTag(tags map[string]string, key string) {
	maps.DeleteFunc(tags, func(k, _ string) bool { return fold(k) == fold(key) })
}

func apiTags(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// pageTags cuts a page from the tags.
func pageTags(list string, tags map[string]string, marker *string, items *int32) ([]types.Tag, *pager, error) {
	p, err := newPager(list, marker, items)
	if err != nil {
		return nil, nil, err
	}
	out := []types.Tag{}
	for _, k := range p.names(sortedKeys(tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, p, nil
}

func (k *kind[T]) tag(ctx context.Context, s *Service, name string, tags []types.Tag) error {
	return k.change(ctx, s, name, func(_ *store.Tx, row *T) (err error) {
		e := k.of(row)
		e.Tags, err = newTags(e.Tags, tags)
		return err
	})
}

func (k *kind[T]) untag(ctx context.Context, s *Service, name string, keys []string) error {
	return k.change(ctx, s, name, func(_ *store.Tx, row *T) error {
		for _, key := range keys {
			dropTag(k.of(row).Tags, key)
		}
		return nil
	})
}

// TagUser adds tags to a user, or changes their values.
func (s *Service) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	if err := users.tag(ctx, s, *in.UserName, in.Tags); err != nil {
		return nil, err
	}
	return &iam.TagUserOutput{}, nil
}

// UntagUser takes tags from a user.
func (s *Service) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	if err := users.untag(ctx, s, *in.UserName, in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagUserOutput{}, nil
}

// ListUserTags lists a user's tags by key.
func (s *Service) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	u, err := users.view(ctx, s, *in.UserName)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListUserTags", u.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}

// TagRole adds tags to a role, or changes their values.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	if err := roles.tag(ctx, s, *in.RoleName, in.Tags); err != nil {
		return nil, err
	}
	return &iam.TagRoleOutput{}, nil
}

// UntagRole takes tags from a role.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	if err := roles.untag(ctx, s, *in.RoleName, in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagRoleOutput{}, nil
}

// ListRoleTags lists a role's tags by key.
func (s *Service) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	r, err := roles.view(ctx, s, *in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListRoleTags", r.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}

// TagPolicy adds tags to a customer managed policy, or changes their values.
func (s *Service) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	err := s.changePolicy(ctx, *in.PolicyArn, func(_ *store.Tx, p *policy) (err error) {
		p.Tags, err = newTags(p.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagPolicyOutput{}, nil
}

// UntagPolicy takes tags from a customer managed policy.
func (s *Service) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	err := s.changePolicy(ctx, *in.PolicyArn, func(_ *store.Tx, p *policy) error {
		for _, key := range in.TagKeys {
			dropTag(p.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagPolicyOutput{}, nil
}

// ListPolicyTags lists a managed policy's tags by key.
func (s *Service) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	row, err := s.viewPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListPolicyTags", row.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}

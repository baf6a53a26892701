package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TagSAMLProvider adds tags to a provider, or changes their values.
func (s *Service) TagSAMLProvider(ctx context.Context, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	err := s.changeSAMLProvider(ctx, *in.SAMLProviderArn, func(p *samlProvider) (err error) {
		p.Tags, err = newTags(p.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagSAMLProviderOutput{}, nil
}

// UntagSAMLProvider takes tags from a provider.
func (s *Service) UntagSAMLProvider(ctx context.Context, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	err := s.changeSAMLProvider(ctx, *in.SAMLProviderArn, func(p *samlProvider) error {
		for _, key := range in.TagKeys {
			dropTag(p.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagSAMLProviderOutput{}, nil
}

// ListSAMLProviderTags lists a provider's tags by key.
func (s *Service) ListSAMLProviderTags(ctx context.Context, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	row, err := s.viewSAMLProvider(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListSAMLProviderTags", row.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListSAMLProviderTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}

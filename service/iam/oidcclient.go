package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// changeOIDCProvider lets fn work on a provider of the caller's account, and
// keeps it.
func (s *Service) changeOIDCProvider(ctx context.Context, provider string, fn func(*oidcProvider) error) error {
	account := wire.CallFrom(ctx).Account()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := oidcProviderOf(tx, account, provider)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return oidcProviders.Put(tx, p)
	})
}

// AddClientIDToOpenIDConnectProvider lets a provider's tokens be for one more
// client. One that is there already is no error.
func (s *Service) AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	err := s.changeOIDCProvider(ctx, *in.OpenIDConnectProviderArn, func(p *oidcProvider) error { return p.addClient(*in.ClientID) })
	if err != nil {
		return nil, err
	}
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, nil
}

// RemoveClientIDFromOpenIDConnectProvider refuses a client's tokens from now on.
// One that is not there is no error.
func (s *Service) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	err := s.changeOIDCProvider(ctx, *in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.ClientIDs = slices.DeleteFunc(slices.Clone(p.ClientIDs), func(id string) bool { return id == *in.ClientID })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, nil
}

// UpdateOpenIDConnectProviderThumbprint replaces the thumbprints by which a
// provider's servers are known.
func (s *Service) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	list, err := thumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	err = s.changeOIDCProvider(ctx, *in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.Thumbprints = list
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, nil
}

// TagOpenIDConnectProvider adds tags to a provider, or changes their values.
func (s *Service) TagOpenIDConnectProvider(ctx context.Context, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	err := s.changeOIDCProvider(ctx, *in.OpenIDConnectProviderArn, func(p *oidcProvider) (err error) {
		p.Tags, err = newTags(p.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagOpenIDConnectProviderOutput{}, nil
}

// UntagOpenIDConnectProvider takes tags from a provider.
func (s *Service) UntagOpenIDConnectProvider(ctx context.Context, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	err := s.changeOIDCProvider(ctx, *in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		for _, key := range in.TagKeys {
			dropTag(p.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagOpenIDConnectProviderOutput{}, nil
}

// ListOpenIDConnectProviderTags lists a provider's tags by key.
func (s *Service) ListOpenIDConnectProviderTags(ctx context.Context, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	row, err := s.viewOIDCProvider(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListOpenIDConnectProviderTags", row.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}

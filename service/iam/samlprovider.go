package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A samlProvider is a SAML 2.0 identity provider whose users may assume roles that
// trust it.
type samlProvider struct {
	Account, Name string
	// UUID names it in sign-in addresses.
	UUID string
	// Document is its metadata as it was uploaded; federation.ParseMetadata takes it.
	Document string
	Created  time.Time
	// ValidUntil is when the metadata ends.
	ValidUntil time.Time
	Tags       map[string]string

	// metadata is Document compiled, once someone has needed it.
	metadata atomic.Pointer[federation.Metadata]
}

const (
	samlNoun = "saml-provider"
	// maxDocument is how long metadata may be, in bytes. AWS takes ten million; what
	// describes one provider has some ten thousand.
	maxDocument = 900 << 10
	// unlimited is how long a provider is valid whose metadata doesn't say.
	unlimited = 100 // years
)

var samlProviders = store.NewTable("iam.samlprovider",
	func(p *samlProvider) store.Key { return store.K(p.Account, p.Name) }, store.Cached[samlProvider](cachedProviders))

func (s *Service) samlProviderOperations() []wire.Operation {
	return []wire.Operation{
		op(s.onNewSAMLProvider, s.CreateSAMLProvider),
		op(onSAMLProvider(s, func(in *iam.GetSAMLProviderInput) *string { return in.SAMLProviderArn }), s.GetSAMLProvider),
		op(onAny[iam.ListSAMLProvidersInput], s.ListSAMLProviders),
		op(onSAMLProvider(s, func(in *iam.UpdateSAMLProviderInput) *string { return in.SAMLProviderArn }), s.UpdateSAMLProvider),
		op(onSAMLProvider(s, func(in *iam.DeleteSAMLProviderInput) *string { return in.SAMLProviderArn }), s.DeleteSAMLProvider),
		op(onSAMLProvider(s, func(in *iam.TagSAMLProviderInput) *string { return in.SAMLProviderArn },
			tagged(func(in *iam.TagSAMLProviderInput) []types.Tag { return in.Tags })), s.TagSAMLProvider),
		op(onSAMLProvider(s, func(in *iam.UntagSAMLProviderInput) *string { return in.SAMLProviderArn },
			untagged(func(in *iam.UntagSAMLProviderInput) []string { return in.TagKeys })), s.UntagSAMLProvider),
		op(onSAMLProvider(s, func(in *iam.ListSAMLProviderTagsInput) *string { return in.SAMLProviderArn }), s.ListSAMLProviderTags),
	}
}

func samlARN(account, name string) string { return arn.New("iam", "", account, samlNoun+"/"+name) }

// samlProviderOf reads a provider of the account.
func samlProviderOf(tx *store.Tx, account, provider string) (*samlProvider, error) {
	absent := noSuch("Manifest not found for arn " + provider)
	owner, name, ok := providerName(provider, samlNoun)
	if !ok || owner != account {
		return nil, absent
	}
	p, err := samlProviders.Get(tx, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent
	}
	return p, err
}

func (s *Service) onNewSAMLProvider(ctx context.Context, in *iam.CreateSAMLProviderInput) (authz.Target, error) {
	t := authz.On(samlARN(wire.CallFrom(ctx).Account(), *in.Name))
	t.Conditions = conditions(in, nil, []detail[iam.CreateSAMLProviderInput]{
		tagged(func(in *iam.CreateSAMLProviderInput) []types.Tag { return in.Tags }),
	})
	return tagging(t, "SAMLProvider"), nil
}

// onSAMLProvider asks for the operation's action on the provider that the input
// names.
func onSAMLProvider[I any](s *Service, provider func(*I) *string, details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		account := wire.CallFrom(ctx).Account()
		return s.onProvider(ctx, *provider(in), conditions(in, nil, details), func(tx *store.Tx) (map[string]string, error) {
			p, err := samlProviderOf(tx, account, *provider(in))
			if err != nil {
				return nil, err
			}
			return p.Tags, nil
		})
	}
}

// describe takes a metadata document.
func (p *samlProvider) describe(document string, now time.Time) error {
	if len(document) > maxDocument {
		return invalid("The metadata document is larger than this server takes.")
	}
	m, err := federation.ParseMetadata([]byte(document))
	if err != nil {
		return invalid("Could not parse metadata")
	}
	p.Document, p.ValidUntil = document, m.ValidUntil.Truncate(time.Second)
	if m.ValidUntil.IsZero() {
		p.ValidUntil = now.AddDate(unlimited, 0, 0)
	}
	return nil
}

// unencrypted refuses what asks for encrypted assertions: there is nothing here to
// open them, and a mode that is not obeyed must not be kept.
func unencrypted(mode types.AssertionEncryptionModeType, keys ...*string) error {
	for _, k := range keys {
		if k != nil {
			mode = types.AssertionEncryptionModeTypeRequired
		}
	}
	if mode == "" {
		return nil
	}
	return &smithy.GenericAPIError{Code: "NotImplemented", Message: "Encrypted SAML assertions are not supported.", Fault: smithy.FaultClient}
}

// CreateSAMLProvider makes a provider trusted as far as roles name it.
func (s *Service) CreateSAMLProvider(ctx context.Context, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	if err := unencrypted(in.AssertionEncryptionMode, in.AddPrivateKey); err != nil {
		return nil, err
	}
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	p := &samlProvider{Account: wire.CallFrom(ctx).Account(), Name: *in.Name, UUID: rand.Text(), Created: s.now(), Tags: tags}
	if err := p.describe(*in.SAMLMetadataDocument, p.Created); err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return firstError(countProvider(tx, p.Account, samlNoun, "SAMLProvidersPerAccount"), samlProviders.Insert(tx, p))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("SAML provider with name " + p.Name + " already exists.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: aws.String(samlARN(p.Account, p.Name)), Tags: apiTags(tags)}, nil
}

// GetSAMLProvider returns a provider and its metadata.
func (s *Service) GetSAMLProvider(ctx context.Context, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	p, err := s.viewSAMLProvider(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetSAMLProviderOutput{
		SAMLProviderUUID: &p.UUID, SAMLMetadataDocument: &p.Document, CreateDate: &p.Created, ValidUntil: &p.ValidUntil, Tags: apiTags(p.Tags),
	}, nil
}

func (s *Service) viewSAMLProvider(ctx context.Context, provider string) (p *samlProvider, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = samlProviderOf(tx, account, provider)
		return err
	})
	return p, err
}

// ListSAMLProviders lists the account's providers by name.
func (s *Service) ListSAMLProviders(ctx context.Context, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListSAMLProvidersOutput{SAMLProviderList: []types.SAMLProviderListEntry{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for p, err := range samlProviders.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			out.SAMLProviderList = append(out.SAMLProviderList, types.SAMLProviderListEntry{
				Arn: aws.String(samlARN(account, p.Name)), CreateDate: &p.Created, ValidUntil: &p.ValidUntil,
			})
		}
		return nil
	})
	return out, err
}

// changeSAMLProvider lets fn work on a provider of the caller's account, and keeps
// it.
func (s *Service) changeSAMLProvider(ctx context.Context, provider string, fn func(*samlProvider) error) error {
	account := wire.CallFrom(ctx).Account()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := samlProviderOf(tx, account, provider)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return samlProviders.Put(tx, p)
	})
}

// UpdateSAMLProvider replaces a provider's metadata.
func (s *Service) UpdateSAMLProvider(ctx context.Context, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	if err := unencrypted(in.AssertionEncryptionMode, in.AddPrivateKey, in.RemovePrivateKey); err != nil {
		return nil, err
	}
	if in.SAMLMetadataDocument == nil {
		return nil, invalid("Unable to update identity provider. No updates are defined for metadata or encryption assertion.")
	}
	now := s.now()
	err := s.changeSAMLProvider(ctx, *in.SAMLProviderArn, func(p *samlProvider) error { return p.describe(*in.SAMLMetadataDocument, now) })
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, nil
}

// DeleteSAMLProvider deletes a provider. Roles that trust it then trust nobody by
// that name.
func (s *Service) DeleteSAMLProvider(ctx context.Context, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := samlProviderOf(tx, account, *in.SAMLProviderArn)
		if err != nil {
			return err
		}
		return firstError(count(tx, account, samlNoun, -1), samlProviders.Delete(tx, account, p.Name))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSAMLProviderOutput{}, nil
}

// SAMLProvider returns the metadata of the account's provider of that ARN, or
// store.ErrNotFound.
func (s *Service) SAMLProvider(ctx context.Context, account, provider string) (*federation.Metadata, error) {
	owner, name, ok := providerName(provider, samlNoun)
	if !ok || owner != account {
		return nil, store.ErrNotFound
	}
	var p *samlProvider
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = samlProviders.Get(tx, account, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m := p.metadata.Load(); m != nil {
		return m, nil
	}
	m, err := federation.ParseMetadata([]byte(p.Document))
	if err != nil {
		return nil, err
	}
	p.metadata.Store(m)
	return m, nil
}

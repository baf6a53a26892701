package iam

import (
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An oidcProvider is an OpenID Connect provider whose users may assume roles that
// trust it.
type oidcProvider struct {
	// URL is the issuer without https:// in front, as AWS answers it. It is unique in
	// the account.
	Account, URL string
	ClientIDs    []string
	// Thumbprints are in lower case.
	Thumbprints []string
	Created     time.Time
	Tags        map[string]string
}

const oidcNoun = "oidc-provider"

// The quotas of providers (IAM User Guide, "IAM and AWS STS quotas").
const (
	maxProviders   = 100
	maxClientIDs   = 100
	maxThumbprints = 5
)

// cachedProviders is about how many rows are kept decoded: each federated call
// reads one.
const cachedProviders = 256

var oidcProviders = store.NewTable("iam.oidcprovider",
	func(p *oidcProvider) store.Key { return store.K(p.Account, p.URL) }, store.Cached[oidcProvider](cachedProviders))

func (s *Service) oidcProviderOperations() []wire.Operation {
	return []wire.Operation{
		op(s.onNewOIDCProvider, s.CreateOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.GetOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.GetOpenIDConnectProvider),
		op(onAny[iam.ListOpenIDConnectProvidersInput], s.ListOpenIDConnectProviders),
		op(onMaybeOIDCProvider(s, func(in *iam.DeleteOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.DeleteOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.AddClientIDToOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.AddClientIDToOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.RemoveClientIDFromOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.RemoveClientIDFromOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.UpdateOpenIDConnectProviderThumbprintInput) *string { return in.OpenIDConnectProviderArn }), s.UpdateOpenIDConnectProviderThumbprint),
		op(onOIDCProvider(s, func(in *iam.TagOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn },
			tagged(func(in *iam.TagOpenIDConnectProviderInput) []types.Tag { return in.Tags })), s.TagOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.UntagOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn },
			untagged(func(in *iam.UntagOpenIDConnectProviderInput) []string { return in.TagKeys })), s.UntagOpenIDConnectProvider),
		op(onOIDCProvider(s, func(in *iam.ListOpenIDConnectProviderTagsInput) *string { return in.OpenIDConnectProviderArn }), s.ListOpenIDConnectProviderTags),
	}
}

func oidcARN(account, address string) string {
	return arn.New("iam", "", account, oidcNoun+"/"+address)
}

// providerName takes a provider's ARN apart: its account, and what follows the noun.
func providerName(provider, noun string) (account, name string, ok bool) {
	a, err := arn.Parse(provider)
	name, ok = strings.CutPrefix(a.Resource, noun+"/")
	return a.AccountID, name, err == nil && ok && a.Service == "iam" && name != "" && arn.New("iam", "", a.AccountID, noun+"/"+name) == provider
}

// oidcProviderOf reads a provider of the account.
func oidcProviderOf(tx *store.Tx, account, provider string) (*oidcProvider, error) {
	absent := noSuch("OpenIDConnect Provider not found for arn " + provider)
	owner, address, ok := providerName(provider, oidcNoun)
	if !ok || owner != account {
		return nil, absent
	}
	p, err := oidcProviders.Get(tx, account, address)
	if errors.Is(err, store.ErrNotFound) {
		return nil, absent
	}
	return p, err
}

func (s *Service) onNewOIDCProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (authz.Target, error) {
	t := authz.On(oidcARN(wire.CallFrom(ctx).Account(), strings.TrimPrefix(*in.Url, "https://")))
	t.Conditions = conditions(in, nil, []detail[iam.CreateOpenIDConnectProviderInput]{
		tagged(func(in *iam.CreateOpenIDConnectProviderInput) []types.Tag { return in.Tags }),
	})
	return tagging(t, "OpenIDConnectProvider"), nil
}

// onOIDCProvider asks for the operation's action on the provider that the input
// names.
func onOIDCProvider[I any](s *Service, provider func(*I) *string, details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		account := wire.CallFrom(ctx).Account()
		return s.onProvider(ctx, *provider(in), conditions(in, nil, details), func(tx *store.Tx) (map[string]string, error) {
			p, err := oidcProviderOf(tx, account, *provider(in))
			if err != nil {
				return nil, err
			}
			return p.Tags, nil
		})
	}
}

// onProvider asks for the operation's action on a provider of either kind, whose
// tags the function reads.
func (s *Service) onProvider(ctx context.Context, provider string, conditions map[string][]string, tags func(*store.Tx) (map[string]string, error)) (authz.Target, error) {
	t := authz.On(provider)
	t.Conditions = conditions
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		t.Tags, err = tags(tx)
		return err
	})
	if missing, ok := errors.AsType[*types.NoSuchEntityException](err); ok {
		t.Missing = missing
		return t, nil
	}
	return t, err
}

// onMaybeOIDCProvider is onOIDCProvider for an operation that is content with a
// provider that is not there.
func onMaybeOIDCProvider[I any](s *Service, provider func(*I) *string) func(context.Context, *I) (authz.Target, error) {
	on := onOIDCProvider(s, provider)
	return func(ctx context.Context, in *I) (authz.Target, error) {
		t, err := on(ctx, in)
		t.Missing = nil
		return t, err
	}
}

// CreateOpenIDConnectProvider makes a provider trusted as far as roles name it.
// Without thumbprints its servers are known by the machine's certificate
// authorities alone.
func (s *Service) CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	address, err := providerAddress(*in.Url)
	if err != nil {
		return nil, err
	}
	p := &oidcProvider{Account: wire.CallFrom(ctx).Account(), URL: address, Created: s.now()}
	if p.Tags, err = newTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if p.Thumbprints, err = thumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	for _, id := range in.ClientIDList {
		if err := p.addClient(id); err != nil {
			return nil, err
		}
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return firstError(countProvider(tx, p.Account, oidcNoun, "OpenIdConnectProvidersPerAccount"), oidcProviders.Insert(tx, p))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("Provider with url https://" + address + " already exists.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.CreateOpenIDConnectProviderOutput{
		OpenIDConnectProviderArn: aws.String(oidcARN(p.Account, address)), Tags: apiTags(p.Tags),
	}, nil
}

// countProvider counts a new provider in, within the account's quota.
func countProvider(tx *store.Tx, account, noun, quota string) error {
	t, err := counted(tx, account, noun)
	if err != nil {
		return err
	}
	if t.Count >= maxProviders {
		return over(quota, maxProviders)
	}
	return count(tx, account, noun, 1)
}

// providerAddress returns the URL without its scheme. AWS advises against a port;
// here there can be one, for providers on networks of their own.
func providerAddress(address string) (string, error) {
	u, err := url.Parse(address)
	rest, secure := strings.CutPrefix(address, "https://")
	if err != nil || !secure || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(address, "#") ||
		u.Path != "" && u.JoinPath().Path != u.Path || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", unfit("Invalid Open ID Connect Provider URL")
	}
	return rest, nil
}

func thumbprints(list []string) ([]string, error) {
	if len(list) > maxThumbprints {
		return nil, invalid("Thumbprint list must contain fewer than 5 entries.")
	}
	out := make([]string, 0, len(list))
	for _, t := range list {
		if raw, err := hex.DecodeString(t); err != nil || len(raw) != 20 {
			return nil, invalid("Thumbprints must be 40 hexadecimal digits.")
		}
		out = append(out, strings.ToLower(t))
	}
	return out, nil
}

func (p *oidcProvider) addClient(id string) error {
	switch {
	case id == "" || len(id) > 255:
		return unfit("A client ID must have between 1 and 255 characters.")
	case slices.Contains(p.ClientIDs, id):
		return nil
	case len(p.ClientIDs) >= maxClientIDs:
		return over("ClientIdsPerOpenIdConnectProvider", maxClientIDs)
	default:
		p.ClientIDs = append(slices.Clip(p.ClientIDs), id)
		return nil
	}
}

// GetOpenIDConnectProvider returns a provider.
func (s *Service) GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := s.viewOIDCProvider(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: &p.URL, ClientIDList: slices.Clone(p.ClientIDs), ThumbprintList: slices.Clone(p.Thumbprints), CreateDate: &p.Created, Tags: apiTags(p.Tags),
	}, nil
}

func (s *Service) viewOIDCProvider(ctx context.Context, provider string) (p *oidcProvider, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = oidcProviderOf(tx, account, provider)
		return err
	})
	return p, err
}

// ListOpenIDConnectProviders lists the account's providers by URL.
func (s *Service) ListOpenIDConnectProviders(ctx context.Context, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []types.OpenIDConnectProviderListEntry{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for p, err := range oidcProviders.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(oidcARN(account, p.URL))})
		}
		return nil
	})
	return out, err
}

// DeleteOpenIDConnectProvider deletes a provider. Roles that trust it then trust
// nobody by that name; one that is not there is deleted already.
func (s *Service) DeleteOpenIDConnectProvider(ctx context.Context, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := oidcProviderOf(tx, account, *in.OpenIDConnectProviderArn)
		if _, gone := errors.AsType[*types.NoSuchEntityException](err); gone {
			return nil
		}
		if err != nil {
			return err
		}
		return firstError(count(tx, account, oidcNoun, -1), oidcProviders.Delete(tx, account, p.URL))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, nil
}

// OIDCProvider returns what the token service needs to know of the account's
// provider of tokens with that issuer, or store.ErrNotFound.
func (s *Service) OIDCProvider(ctx context.Context, account, issuer string) (*federation.OIDCProvider, error) {
	address, secure := strings.CutPrefix(issuer, "https://")
	if !secure || len(address) > 255 {
		return nil, store.ErrNotFound
	}
	var p *oidcProvider
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = oidcProviders.Get(tx, account, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &federation.OIDCProvider{ARN: oidcARN(account, p.URL), URL: p.URL, ClientIDs: p.ClientIDs, Thumbprints: p.Thumbprints}, nil
}

package kms

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxStores is how many custom key stores an account has in a Region at most (KMS
// Developer Guide, "Resource quotas").
const maxStores = 10

// CreateCustomKeyStore makes a key store that is not yet connected. An external
// key store's proxy must answer by then.
func (s *Service) CreateCustomKeyStore(ctx context.Context, in *kms.CreateCustomKeyStoreInput) (*kms.CreateCustomKeyStoreOutput, error) {
	c, err := s.newStore(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.db.View(ctx, func(tx *store.Tx) error { return c.free(tx, true) }); err != nil {
		return nil, err
	}
	if c.Kind == external {
		if err := s.checkProxy(ctx, &c.Proxy); err != nil {
			return nil, err
		}
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := c.free(tx, true); err != nil {
			return err
		}
		return customStores.Insert(tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CreateCustomKeyStoreOutput{CustomKeyStoreId: &c.ID}, nil
}

// newStore is the store that the input asks for.
func (s *Service) newStore(ctx context.Context, in *kms.CreateCustomKeyStoreInput) (*customStore, error) {
	c := &customStore{
		Account: wire.CallFrom(ctx).Account(), ID: newStoreID(), Name: *in.CustomKeyStoreName, Kind: in.CustomKeyStoreType,
		Created: s.clock.Now(), State: disconnected,
	}
	if c.Kind == "" {
		c.Kind = cloudHSM
	}
	a := settings{
		cluster: in.CloudHsmClusterId, anchor: in.TrustAnchorCertificate, password: in.KeyStorePassword,
		endpoint: in.XksProxyUriEndpoint, path: in.XksProxyUriPath, credential: in.XksProxyAuthenticationCredential,
		connectivity: in.XksProxyConnectivity, service: in.XksProxyVpcEndpointServiceName, owner: in.XksProxyVpcEndpointServiceOwner,
	}
	if err := a.complete(c.Kind); err != nil {
		return nil, err
	}
	return c, s.apply(c, a)
}

// newStoreID has the form of AWS's ids: cks- and 17 hexadecimal digits.
func newStoreID() string {
	var b [9]byte
	rand.Read(b[:])
	return "cks-" + hex.EncodeToString(b[:])[:17]
}

// settings are what the two kinds of stores are told at creation or later; nil
// and empty is not told.
type settings struct {
	cluster, anchor, password *string
	endpoint, path            *string
	service, owner            *string
	credential                *types.XksProxyAuthenticationCredentialType
	connectivity              types.XksProxyConnectivityType
}

func (a *settings) ofProxy() bool {
	return a.endpoint != nil || a.path != nil || a.service != nil || a.owner != nil || a.credential != nil || a.connectivity != ""
}

func (a *settings) ofHSM() bool { return a.cluster != nil || a.anchor != nil || a.password != nil }

// complete refuses what a new store lacks.
func (a *settings) complete(kind types.CustomKeyStoreType) error {
	if kind == cloudHSM {
		if a.cluster == nil || a.anchor == nil || a.password == nil {
			return invalid("CloudHsmClusterId, TrustAnchorCertificate and KeyStorePassword are required for a custom key store of type %s.", kind)
		}
		return nil
	}
	if a.connectivity == "" || a.endpoint == nil || a.path == nil || a.credential == nil {
		return invalid("XksProxyConnectivity, XksProxyUriEndpoint, XksProxyUriPath and XksProxyAuthenticationCredential are required for a custom key store of type %s.", kind)
	}
	if a.connectivity == types.XksProxyConnectivityTypeVpcEndpointService && a.service == nil {
		return invalid("XksProxyVpcEndpointServiceName is required when XksProxyConnectivity is %s.", a.connectivity)
	}
	return nil
}

// apply gives the store its settings, and refuses those that its kind does not
// have.
func (s *Service) apply(c *customStore, a settings) error {
	if c.Kind == cloudHSM {
		if a.ofProxy() {
			return invalid("Parameters of an external key store are not valid for a custom key store of type %s.", c.Kind)
		}
		return s.applyHSM(c, a)
	}
	if a.ofHSM() {
		return invalid("Parameters of a CloudHSM key store are not valid for a custom key store of type %s.", c.Kind)
	}
	if a.connectivity == types.XksProxyConnectivityTypeVpcEndpointService || aws.ToString(a.service) != "" || a.owner != nil {
		// There are no VPC endpoint services here, so none can be found. That is also
		// what a client of AWS's is ready to be told.
		return &types.XksProxyVpcEndpointServiceNotFoundException{Message: aws.String("There are no VPC endpoint services here: AWS KMS reaches external key store proxies directly, so choose the XksProxyConnectivity PUBLIC_ENDPOINT.")}
	}
	set := func(to, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.Proxy.Endpoint, a.endpoint)
	set(&c.Proxy.Path, a.path)
	if a.credential != nil {
		c.Proxy.AccessKeyID, c.Proxy.Secret = *a.credential.AccessKeyId, *a.credential.RawSecretAccessKey
	}
	return nil
}

func (s *Service) applyHSM(c *customStore, a settings) error {
	if a.anchor != nil {
		if !isCertificate(*a.anchor) {
			return &types.IncorrectTrustAnchorException{Message: aws.String("The trust anchor certificate is not a certificate in PEM form.")}
		}
		c.HSM.Anchor = *a.anchor
	}
	if a.password != nil {
		c.HSM.Password = *a.password
	}
	if a.cluster == nil {
		return nil
	}
	known, ok := s.outside.Clusters[*a.cluster]
	if !ok || known.Account != "" && known.Account != c.Account {
		return &types.CloudHsmClusterNotFoundException{Message: aws.String("The CloudHSM cluster " + *a.cluster + " was not found. A cluster is a PKCS#11 token, which the server is told of by --hsm.")}
	}
	if was, moved := s.outside.Clusters[c.HSM.ID]; moved && was.Token.Token != known.Token.Token {
		return &types.CloudHsmClusterNotRelatedException{Message: aws.String("The CloudHSM cluster " + *a.cluster + " is not related to " + c.HSM.ID + ": its token has another label.")}
	}
	c.HSM.ID = *a.cluster
	return nil
}

func isCertificate(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return false
	}
	_, err := x509.ParseCertificate(block.Bytes)
	return err == nil
}

// free refuses a store whose name, proxy or cluster another has, and, of a fresh
// one, one too many.
func (c *customStore) free(tx *store.Tx, fresh bool) error {
	for _, u := range []struct {
		index string
		key   store.Key
		taken error
	}{
		{"name", store.K(c.Account, c.Name), &types.CustomKeyStoreNameInUseException{Message: aws.String("The custom key store name " + c.Name + " is already in use.")}},
		{"uri", store.K(c.Account, c.Proxy.uri()), &types.XksProxyUriInUseException{Message: aws.String("The XksProxyUriEndpoint and XksProxyUriPath are already in use by another external key store.")}},
		{"cluster", store.K(c.HSM.ID), &types.CloudHsmClusterInUseException{Message: aws.String("The CloudHSM cluster " + c.HSM.ID + " is already in use by another custom key store.")}},
	} {
		other, err := storeUnder(tx, u.index, u.key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if other != nil && (other.Account != c.Account || other.ID != c.ID) {
			return u.taken
		}
	}
	if !fresh {
		return nil
	}
	all, err := store.Collect(customStores.Scan(tx, store.Range{Prefix: store.K(c.Account)}))
	if err == nil && len(all) >= maxStores {
		return limitExceeded("The account has %d custom key stores in this Region, which is the most.", maxStores)
	}
	return err
}

// storeUnder reads the store that a unique index has.
func storeUnder(tx *store.Tx, index string, key store.Key) (*customStore, error) {
	for c, err := range customStores.ScanIndex(tx, index, store.Range{Prefix: key, Limit: 1}) {
		return c, err
	}
	return nil, store.ErrNotFound
}

const storesToken = "kms.DescribeCustomKeyStores"

// storePage is how many stores a page has: AWS says only how many at most.
var storePage = bound{100, 1000}

// DescribeCustomKeyStores describes one store, or all of the account's.
func (s *Service) DescribeCustomKeyStores(ctx context.Context, in *kms.DescribeCustomKeyStoresInput) (*kms.DescribeCustomKeyStoresOutput, error) {
	if in.CustomKeyStoreId != nil && in.CustomKeyStoreName != nil {
		return nil, invalid("You can specify either CustomKeyStoreId or CustomKeyStoreName, but not both.")
	}
	after, err := position(storesToken, in.Marker)
	if err != nil {
		return nil, err
	}
	limit, err := storePage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	out := &kms.DescribeCustomKeyStoresOutput{}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		rows, err := described(tx, wire.CallFrom(ctx).Account(), in, store.Range{After: after, Limit: limit + 1})
		if err != nil {
			return err
		}
		if len(rows) > limit {
			rows = rows[:limit]
			last := rows[limit-1]
			out.Truncated, out.NextMarker = true, aws.String(page.Token(storesToken, store.K(last.Account, last.ID)))
		}
		out.CustomKeyStores = make([]types.CustomKeyStoresListEntry, 0, len(rows))
		for _, c := range rows {
			out.CustomKeyStores = append(out.CustomKeyStores, c.entry())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// described reads the stores that are asked for.
func described(tx *store.Tx, account string, in *kms.DescribeCustomKeyStoresInput, r store.Range) ([]*customStore, error) {
	var c *customStore
	var err error
	switch {
	case in.CustomKeyStoreId != nil:
		c, err = customStores.Get(tx, account, *in.CustomKeyStoreId)
	case in.CustomKeyStoreName != nil:
		c, err = storeUnder(tx, "name", store.K(account, *in.CustomKeyStoreName))
	default:
		r.Prefix = store.K(account)
		return store.Collect(customStores.Scan(tx, r))
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, storeNotFound(aws.ToString(in.CustomKeyStoreId) + aws.ToString(in.CustomKeyStoreName))
	}
	if err != nil {
		return nil, err
	}
	return []*customStore{c}, nil
}

package kms

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A customStore is a key store outside: an external key store, behind a proxy
// that speaks XKS, or a CloudHSM key store, which here is a PKCS#11 token.
type customStore struct {
	Account string                        `cbor:"1,keyasint"`
	ID      string                        `cbor:"2,keyasint"`
	Name    string                        `cbor:"3,keyasint"`
	Kind    types.CustomKeyStoreType      `cbor:"4,keyasint"`
	Created time.Time                     `cbor:"5,keyasint"`
	State   types.ConnectionStateType     `cbor:"6,keyasint"`
	Error   types.ConnectionErrorCodeType `cbor:"7,keyasint,omitempty"` // set when State is FAILED
	// Revision counts the changes after which a connection made before no longer
	// holds.
	Revision uint64 `cbor:"8,keyasint"`
	// Request is the call that asked for the connection, which the proxy is told.
	Request string `cbor:"9,keyasint,omitempty"`
	// Proxy is of an external key store, and HSM of a CloudHSM key store.
	Proxy proxy   `cbor:"10,keyasint,omitempty"`
	HSM   cluster `cbor:"11,keyasint,omitempty"`
}

// A proxy is where an external key store's proxy is, and the credential that it
// knows KMS by.
type proxy struct {
	Endpoint    string `cbor:"1,keyasint"`
	Path        string `cbor:"2,keyasint"`
	AccessKeyID string `cbor:"3,keyasint"`
	Secret      string `cbor:"4,keyasint"`
}

// uri is the proxy's address, in the one form that two stores must not share:
// hosts do not distinguish case.
func (p *proxy) uri() string { return strings.ToLower(p.Endpoint) + p.Path }

// A cluster is which token keeps a CloudHSM key store's keys, and how to log in.
type cluster struct {
	ID       string `cbor:"1,keyasint"`
	Anchor   string `cbor:"2,keyasint"` // the certificate as it was given
	Password string `cbor:"3,keyasint"`
}

const (
	external = types.CustomKeyStoreTypeExternalKeyStore
	cloudHSM = types.CustomKeyStoreTypeAwsCloudhsm

	connected    = types.ConnectionStateTypeConnected
	connecting   = types.ConnectionStateTypeConnecting
	disconnected = types.ConnectionStateTypeDisconnected
	failed       = types.ConnectionStateTypeFailed
)

// hotStores is how many decoded rows are kept at hand: each use of a key in a
// store reads the store's.
const hotStores = 256

// A name and a proxy's address are one account's in its Region. A token is the
// whole server's, so a cluster serves one store of all accounts'.
var customStores = store.NewTable("kms.customstore",
	func(c *customStore) store.Key { return store.K(c.Account, c.ID) },
	store.Cached[customStore](hotStores), store.Unwatched[customStore](),
	store.UniqueIndex("name", func(c *customStore) []store.Key { return []store.Key{store.K(c.Account, c.Name)} }),
	store.UniqueIndex("uri", func(c *customStore) []store.Key {
		if c.Kind != external {
			return nil
		}
		return []store.Key{store.K(c.Account, c.Proxy.uri())}
	}),
	store.UniqueIndex("cluster", func(c *customStore) []store.Key {
		if c.Kind != cloudHSM {
			return nil
		}
		return []store.Key{store.K(c.HSM.ID)}
	}),
	store.Index("state", func(c *customStore) []store.Key { return []store.Key{store.K(string(c.State))} }))

// entry is the store as the API describes it: without its secrets.
func (c *customStore) entry() types.CustomKeyStoresListEntry {
	e := types.CustomKeyStoresListEntry{
		CustomKeyStoreId: &c.ID, CustomKeyStoreName: &c.Name, CustomKeyStoreType: c.Kind,
		ConnectionState: c.State, ConnectionErrorCode: c.Error, CreationDate: &c.Created,
	}
	if c.Kind == cloudHSM {
		e.CloudHsmClusterId, e.TrustAnchorCertificate = &c.HSM.ID, &c.HSM.Anchor
		return e
	}
	e.XksProxyConfiguration = &types.XksProxyConfigurationType{
		AccessKeyId: &c.Proxy.AccessKeyID, Connectivity: types.XksProxyConnectivityTypePublicEndpoint,
		UriEndpoint: &c.Proxy.Endpoint, UriPath: &c.Proxy.Path,
	}
	return e
}

// in tells whether the store is in one of the states.
func (c *customStore) in(states ...types.ConnectionStateType) bool { return has(states, c.State) }

// wrongState is the refusal of what the store's state does not allow.
func (c *customStore) wrongState() error {
	return storeInvalidState("The custom key store %s is in the connection state %s, which is not valid for this operation.", c.ID, c.State)
}

// lies tells that the key is kept in a custom key store.
func (k *key) lies() bool { return k.CustomStore != "" }

// placed returns the key with the store that keeps it, for a key in a custom key
// store. It is a copy: the row may be shared.
func (k *key) placed(tx *store.Tx) (*key, error) {
	c, err := customStores.Get(tx, k.Account, k.CustomStore)
	if err != nil {
		return nil, err
	}
	own := *k
	own.store = c
	return &own, nil
}

// unavailable tells that the store that keeps the key is not connected.
func (k *key) unavailable() bool { return k.store != nil && k.store.State != connected }

// header names the key and the material in a blob. A key in a CloudHSM key store
// has no material here.
func (k *key) header() (seal.Header, error) {
	h := seal.Header{Account: k.Account, KeyID: k.ID}
	if k.MaterialID == "" {
		return h, nil
	}
	var err error
	h.MaterialID, err = seal.ParseMaterialID(k.MaterialID)
	return h, err
}

// custody tells in the key's description where it is kept.
func (k *key) custody(m *types.KeyMetadata) {
	if !k.lies() {
		return
	}
	m.CustomKeyStoreId = &k.CustomStore
	if k.XksKey != "" {
		m.XksKeyConfiguration = &types.XksKeyConfigurationType{Id: &k.XksKey}
	}
	if k.store != nil && k.store.Kind == cloudHSM {
		m.CloudHsmClusterId = aws.String(k.store.HSM.ID)
	}
}

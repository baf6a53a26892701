package kms

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A key is everything of a KMS key but its material. MaterialID names the
// material that seals now.
type key struct {
	Account     string     `cbor:"1,keyasint"`
	ID          string     `cbor:"2,keyasint"`
	Region      string     `cbor:"3,keyasint"`
	Spec        seal.Spec  `cbor:"4,keyasint"`
	Usage       seal.Usage `cbor:"5,keyasint"`
	MaterialID  string     `cbor:"6,keyasint"`
	Description string     `cbor:"7,keyasint,omitempty"`
	Created     time.Time  `cbor:"8,keyasint"`
	Disabled    bool       `cbor:"9,keyasint,omitempty"`
	DeletionAt  time.Time  `cbor:"10,keyasint,omitempty"` // zero: not pending deletion
	// Policy is empty for the default policy, which most keys keep: see policy.
	Policy string            `cbor:"11,keyasint,omitempty"`
	Tags   map[string]string `cbor:"12,keyasint,omitempty"`
	// Service is the service that an AWS managed key is for; empty for a
	// customer's key.
	Service string `cbor:"13,keyasint,omitempty"`
	// Grants is how many grants the key has, so that calls with a key that has none
	// need not look for them.
	Grants int `cbor:"14,keyasint,omitempty"`
	// GrantEpoch is another at random whenever the key's grants change, so that what
	// was read of them under it can be kept at hand.
	GrantEpoch uint64 `cbor:"23,keyasint,omitempty"`
	// Origin is where the material is from; empty is AWS_KMS, as of most keys.
	Origin types.OriginType `cbor:"15,keyasint,omitempty"`
	// Awaited is how many materials have yet to be imported before the key can be
	// used, and Expires when the first of those imported is taken away again (zero
	// is never).
	Awaited int       `cbor:"16,keyasint,omitempty"`
	Expires time.Time `cbor:"17,keyasint,omitempty"`
	// Rotation is nil while the key neither is rotated by plan nor ever was.
	Rotation *rotation `cbor:"18,keyasint,omitempty"`
	// Multi is nil for a key of a single Region.
	Multi *multi `cbor:"19,keyasint,omitempty"`
	// Window is how many days a primary that waits for its replicas' deletion will
	// then wait for its own; zero for others.
	Window int32 `cbor:"20,keyasint,omitempty"`
	// CustomStore is the custom key store that keeps the key, and XksKey the external
	// key there; both are empty for most keys.
	CustomStore string `cbor:"21,keyasint,omitempty"`
	XksKey      string `cbor:"22,keyasint,omitempty"`

	// store is read with a key in a custom key store, and keeper found before it is
	// used; neither is stored.
	store  *customStore
	keeper keeper
}

// hotRows is how many decoded rows are kept at hand.
const hotRows = 16384

// Deletions and rotations are indexed by their times, so that nothing has to look
// for them.
var keys = store.NewTable("kms.key",
	func(k *key) store.Key { return store.K(k.Account, k.ID) },
	store.Cached[key](hotRows), store.Unwatched[key](),
	store.Index("deletion", func(k *key) []store.Key {
		if k.DeletionAt.IsZero() {
			return nil
		}
		return []store.Key{store.K(k.DeletionAt)}
	}),
	store.Index("rotation", func(k *key) []store.Key {
		if !k.rotates() {
			return nil
		}
		return []store.Key{store.K(k.Rotation.Next)}
	}),
	store.Index("store", func(k *key) []store.Key {
		if !k.lies() {
			return nil
		}
		return []store.Key{store.K(k.Account, k.CustomStore)}
	}),
	store.UniqueIndex("xks", func(k *key) []store.Key {
		if k.XksKey == "" {
			return nil
		}
		return []store.Key{store.K(k.Account, k.CustomStore, k.XksKey)}
	}))

// An alias is a name for a key of its account and Region.
type alias struct {
	Account string    `cbor:"1,keyasint"`
	Name    string    `cbor:"2,keyasint"` // with "alias/"
	KeyID   string    `cbor:"3,keyasint"`
	Created time.Time `cbor:"4,keyasint"`
	Updated time.Time `cbor:"5,keyasint"`
}

var aliases = store.NewTable("kms.alias",
	func(a *alias) store.Key { return store.K(a.Account, a.Name) },
	store.Cached[alias](hotRows), store.Unwatched[alias](),
	store.Index("key", func(a *alias) []store.Key { return []store.Key{store.K(a.Account, a.KeyID)} }))

// policy is the key's policy document.
func (k *key) policy() string {
	if k.Policy == "" {
		return defaultPolicy(k.Account)
	}
	return k.Policy
}

func (k *key) arn() string { return arn.New("kms", k.Region, k.Account, "key/"+k.ID) }

// managed tells that the key is AWS's, for one service to use.
func (k *key) managed() bool { return k.Service != "" }

// pending tells that the key will be deleted, if only when its replicas are gone.
func (k *key) pending() bool { return !k.DeletionAt.IsZero() || k.Window != 0 }

func (k *key) origin() types.OriginType {
	if k.Origin == "" {
		return types.OriginTypeAwsKms
	}
	return k.Origin
}

// symmetric tells that the key has the one spec whose material may change.
func (k *key) symmetric() bool { return k.Spec == seal.SymmetricDefault }

// gone tells that the key's window has passed. What the background work has not
// yet destroyed is as good as destroyed.
func (k *key) gone(now time.Time) bool { return !k.DeletionAt.IsZero() && !now.Before(k.DeletionAt) }

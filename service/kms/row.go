package kms

import (
	"time"

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
}

// hotRows is how many decoded rows are kept at hand.
const hotRows = 16384

// Deletions are indexed by their time, so that nothing has to look for them.
var keys = store.NewTable("kms.key",
	func(k *key) store.Key { return store.K(k.Account, k.ID) },
	store.Cached[key](hotRows), store.Unwatched[key](),
	store.Index("deletion", func(k *key) []store.Key {
		if k.DeletionAt.IsZero() {
			return nil
		}
		return []store.Key{store.K(k.DeletionAt)}
	}))

// material is what a key seals and signs with. It has a table of its own, so
// that nothing that reads a key's description ever holds it.
type material struct {
	Account    string    `cbor:"1,keyasint"`
	KeyID      string    `cbor:"2,keyasint"`
	MaterialID string    `cbor:"3,keyasint"`
	Spec       seal.Spec `cbor:"4,keyasint"`
	Bytes      []byte    `cbor:"5,keyasint"`
}

var materialRows = store.NewTable("kms.material",
	func(m *material) store.Key { return store.K(m.Account, m.KeyID, m.MaterialID) },
	store.Unwatched[material]())

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

func (k *key) pending() bool { return !k.DeletionAt.IsZero() }

// gone tells that the key's window has passed. What the background work has not
// yet destroyed is as good as destroyed.
func (k *key) gone(now time.Time) bool { return k.pending() && !now.Before(k.DeletionAt) }

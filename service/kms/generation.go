package kms

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A generation is one of the materials that a key has had, has, or shall have:
// everything of it but the material. A key with material of KMS's own that was
// never rotated has none yet: see history.
type generation struct {
	Account    string                 `cbor:"1,keyasint"`
	KeyID      string                 `cbor:"2,keyasint"`
	Seq        uint64                 `cbor:"3,keyasint"` // from 0, in the order of their coming
	MaterialID string                 `cbor:"4,keyasint"`
	State      types.KeyMaterialState `cbor:"5,keyasint"`
	// Rotated and How are set when a rotation brought the material.
	Rotated time.Time          `cbor:"6,keyasint,omitempty"`
	How     types.RotationType `cbor:"7,keyasint,omitempty"`
	// Absent tells of imported material that is not here now: it was deleted, has
	// expired, or has yet to be imported in this Region.
	Absent bool `cbor:"8,keyasint,omitempty"`
	// Expires is when imported material is taken away; zero is never.
	Expires     time.Time `cbor:"9,keyasint,omitempty"`
	Description string    `cbor:"10,keyasint,omitempty"`
	// Print tells whether material imported again is the same, where the id does
	// not: of all but symmetric keys.
	Print []byte `cbor:"11,keyasint,omitempty"`
}

// Expiries are indexed by their time, so that nothing has to look for them.
var generations = store.NewTable("kms.generation",
	func(g *generation) store.Key { return store.K(g.Account, g.KeyID, g.Seq) },
	store.Unwatched[generation](),
	store.Index("expiry", func(g *generation) []store.Key {
		if g.Absent || g.Expires.IsZero() {
			return nil
		}
		return []store.Key{store.K(g.Expires)}
	}))

// permanent tells that the key cannot be used without the material: something
// may be sealed with it.
func (g *generation) permanent() bool {
	return g.State == types.KeyMaterialStateCurrent || g.State == types.KeyMaterialStateNonCurrent
}

// A history is all generations of one key, the oldest first.
type history []*generation

// history reads the key's generations. The first of a key that was never rotated
// is written nowhere but in the key.
func (k *key) history(tx *store.Tx) (history, error) {
	h, err := store.Collect(generations.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil || len(h) > 0 || k.MaterialID == "" {
		return h, err
	}
	return history{{Account: k.Account, KeyID: k.ID, MaterialID: k.MaterialID, State: types.KeyMaterialStateCurrent}}, nil
}

// put writes the history, and in the key what follows from it.
func (h history) put(tx *store.Tx, k *key) error {
	k.Awaited, k.Expires = 0, time.Time{}
	for _, g := range h {
		if err := generations.Put(tx, g); err != nil {
			return err
		}
		if !g.permanent() {
			continue
		}
		if g.State == types.KeyMaterialStateCurrent {
			k.MaterialID = g.MaterialID
		}
		if g.Absent {
			k.Awaited++
		} else if !g.Expires.IsZero() && (k.Expires.IsZero() || g.Expires.Before(k.Expires)) {
			k.Expires = g.Expires
		}
	}
	return nil
}

// next is the generation after the last.
func (h history) next(k *key) *generation {
	g := &generation{Account: k.Account, KeyID: k.ID, State: types.KeyMaterialStatePendingRotation}
	if len(h) == 0 {
		g.State = types.KeyMaterialStateCurrent
		return g
	}
	g.Seq = h[len(h)-1].Seq + 1
	return g
}

// find returns the generation of that material, or nil.
func (h history) find(materialID string) *generation {
	if i := slices.IndexFunc(h, func(g *generation) bool { return g.MaterialID == materialID }); i >= 0 {
		return h[i]
	}
	return nil
}

// waiting returns the generation that waits for a rotation, or nil.
func (h history) waiting() *generation {
	if i := slices.IndexFunc(h, func(g *generation) bool { return !g.permanent() }); i >= 0 {
		return h[i]
	}
	return nil
}

// turn makes g the material that the key seals with from now on.
func (h history) turn(g *generation, now time.Time) {
	for _, old := range h {
		if old.State == types.KeyMaterialStateCurrent {
			old.State = types.KeyMaterialStateNonCurrent
		}
	}
	g.State, g.Rotated = types.KeyMaterialStateCurrent, now
}

func dropGenerations(tx *store.Tx, k *key) error {
	rows, err := store.Collect(generations.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil {
		return err
	}
	for _, g := range rows {
		if err := generations.Delete(tx, g.Account, g.KeyID, g.Seq); err != nil {
			return err
		}
	}
	return nil
}

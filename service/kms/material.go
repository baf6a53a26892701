package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
)

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

// hotMaterials is about how many parsed materials are kept at hand.
const hotMaterials = 4096

// materials keeps parsed material: parsing an RSA key costs more than signing
// with it. An entry is found by its key and material id, which come from the
// key's row as it was just read, and a material id stands for one material for
// ever; so an entry is never stale, and a destroyed key's is never asked for. What
// falls out is left to the garbage collector: calls may still be using it.
type materials = recent.Map[materialName, *seal.Material]

type materialName struct{ account, keyID, materialID string }

// newMaterial makes material for k. It is not yet the one that k seals with.
func newMaterial(k *key) (*material, error) {
	m, err := seal.Generate(k.Spec)
	if err != nil {
		return nil, err
	}
	return k.materialOf(m)
}

// materialOf is the row of m as material of k.
func (k *key) materialOf(m *seal.Material) (*material, error) {
	id, err := materialID(k, m)
	if err != nil {
		return nil, err
	}
	b, err := m.Bytes()
	return &material{Account: k.Account, KeyID: k.ID, MaterialID: id, Spec: k.Spec, Bytes: b}, err
}

// materialID names material. A symmetric key's name is derived from it, as the
// API shows it; of others there is ever only one.
func materialID(k *key, m *seal.Material) (string, error) {
	if !k.symmetric() {
		return k.ID, nil
	}
	id, err := m.ID(k.ID)
	return id.String(), err
}

// forget erases parsed material that is no longer to be used.
func (s *Service) forget(k *key, id string) {
	s.materials.Forget(materialName{k.Account, k.ID, id}, (*seal.Material).Erase)
}

// material returns the key's material of that id, ready to be used.
func (s *Service) material(ctx context.Context, k *key, id string) (*seal.Material, error) {
	name := materialName{k.Account, k.ID, id}
	if m, ok := s.materials.Get(name); ok {
		return m, nil
	}
	var row *material
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = materialRows.Get(tx, k.Account, k.ID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	m, err := seal.Load(row.Spec, row.Bytes)
	clear(row.Bytes)
	if err != nil {
		return nil, err
	}
	s.materials.Put(name, m)
	return m, nil
}

// use returns the key that the caller named and its material, if the key can do
// the operation now.
func (s *Service) use(ctx context.Context, given *string, u seal.Usage, operation string) (*key, *seal.Material, error) {
	k, err := s.find(ctx, given)
	if err != nil {
		return nil, nil, err
	}
	if err := k.usable(u, operation); err != nil {
		return nil, nil, err
	}
	if k.lies() {
		return s.useKept(ctx, k)
	}
	m, err := s.material(ctx, k, k.MaterialID)
	if errors.Is(err, store.ErrNotFound) && k.origin() == types.OriginTypeExternal { // taken away since the key was read
		err = k.refusal(types.KeyStatePendingImport)
	}
	return k, m, err
}

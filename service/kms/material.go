package kms

import (
	"context"
	"sync"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// hotMaterials is about how many parsed materials are kept at hand.
const hotMaterials = 4096

// materials keeps parsed material: parsing an RSA key costs more than signing
// with it. An entry is found by its key and material id, which come from the
// key's row as it was just read, and a material id stands for one material for
// ever; so an entry is never stale, and a destroyed key's is never asked for.
type materials struct {
	mu         sync.RWMutex // guards the maps
	young, old map[materialName]*seal.Material
}

type materialName struct{ account, keyID, materialID string }

func newMaterials() *materials {
	return &materials{young: map[materialName]*seal.Material{}}
}

func (c *materials) get(n materialName) *seal.Material {
	c.mu.RLock()
	m, inYoung := c.young[n]
	if !inYoung {
		m = c.old[n]
	}
	c.mu.RUnlock()
	if m != nil && !inYoung {
		c.put(n, m)
	}
	return m
}

// put keeps m; when the young generation is full it becomes the old one. What
// falls out is left to the garbage collector: calls may still be using it.
func (c *materials) put(n materialName, m *seal.Material) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= hotMaterials/2 {
		c.old, c.young = c.young, make(map[materialName]*seal.Material, hotMaterials/2)
	}
	c.young[n] = m
}

// forget erases what is kept of a destroyed key.
func (c *materials) forget(k *key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := materialName{k.Account, k.ID, k.MaterialID}
	for _, gen := range []map[materialName]*seal.Material{c.young, c.old} {
		if m := gen[n]; m != nil {
			m.Erase()
			delete(gen, n)
		}
	}
}

// newMaterial makes material for k, and names it in k.
func newMaterial(k *key) (*material, error) {
	m, err := seal.Generate(k.Spec)
	if err != nil {
		return nil, err
	}
	b, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	if k.MaterialID, err = materialID(k, m); err != nil {
		return nil, err
	}
	return &material{Account: k.Account, KeyID: k.ID, MaterialID: k.MaterialID, Spec: k.Spec, Bytes: b}, nil
}

// materialID names material. A symmetric key's name is derived from it, as the
// API shows it; of others there is ever only one.
func materialID(k *key, m *seal.Material) (string, error) {
	if k.Spec != seal.SymmetricDefault {
		return k.ID, nil
	}
	id, err := m.ID(k.ID)
	return id.String(), err
}

// material returns the key's material of that id, ready to be used.
func (s *Service) material(ctx context.Context, k *key, id string) (*seal.Material, error) {
	name := materialName{k.Account, k.ID, id}
	if m := s.materials.get(name); m != nil {
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
	s.materials.put(name, m)
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
	m, err := s.material(ctx, k, k.MaterialID)
	return k, m, err
}

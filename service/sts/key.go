package sts

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// How long a generation of the sealing key seals, and how long it lives: past
// the end of the longest session that it can have sealed.
const (
	keyUse  = 30 * 24 * time.Hour
	keyLife = keyUse + maxSession + time.Hour
)

// A sealingKey is one generation of the key that seals tokens and messages.
type sealingKey struct {
	Generation int64     `cbor:"1,keyasint"`
	Secret     []byte    `cbor:"2,keyasint"` // 32 bytes, for AES-256
	Created    time.Time `cbor:"3,keyasint"`
}

var sealingKeys = store.NewTable("sts.key",
	func(k *sealingKey) store.Key { return store.K(k.Generation) },
	store.Expires(func(k *sealingKey) time.Time { return k.Created.Add(keyLife) }))

// A sealer is a generation of the key, ready for use.
type sealer struct {
	generation uint32
	created    time.Time
	aead       cipher.AEAD // makes its nonces itself
}

// A keyring is the generations that were needed so far. It never changes;
// another takes its place.
type keyring struct {
	newest       *sealer
	byGeneration map[uint32]*sealer
}

func newSealer(k *sealingKey) (*sealer, error) {
	block, err := aes.NewCipher(k.Secret)
	if err != nil {
		return nil, fmt.Errorf("sealing key %d: %w", k.Generation, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("sealing key %d: %w", k.Generation, err)
	}
	return &sealer{generation: uint32(k.Generation), created: k.Created, aead: aead}, nil //nolint:gosec // nextKey bounds it
}

// fresh reports whether a generation may still seal.
func fresh(created, now time.Time) bool { return now.Before(created.Add(keyUse)) }

// sealer returns the generation that seals now, and makes it where there is none.
func (s *Service) sealer(ctx context.Context) (*sealer, error) {
	now := s.clock.Now()
	if k := s.keys.Load().newest; k != nil && fresh(k.created, now) {
		return k, nil
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	var row *sealingKey
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		row, err = nextKey(tx, secret)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a sealing key: %w", err)
	}
	return s.keep(row, true)
}

// nextKey returns the newest generation, or one of the secret where the newest
// has served its time.
func nextKey(tx *store.Tx, secret []byte) (*sealingKey, error) {
	next := &sealingKey{Generation: 1, Secret: secret, Created: tx.Now()}
	for row, err := range sealingKeys.Scan(tx, store.Range{Reverse: true, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		if fresh(row.Created, tx.Now()) {
			return row, nil
		}
		next.Generation = row.Generation + 1
	}
	if next.Generation > 1<<32-1 {
		return nil, errors.New("no more generations")
	}
	return next, sealingKeys.Insert(tx, next)
}

// opener returns the generation that a sealed text names. The error is errSealed
// where there is none, or that the store could not be read.
func (s *Service) opener(ctx context.Context, generation uint32) (*sealer, error) {
	if k := s.keys.Load().byGeneration[generation]; k != nil {
		return k, nil
	}
	var row *sealingKey
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = sealingKeys.Get(tx, int64(generation))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errSealed
	}
	if err != nil {
		return nil, fmt.Errorf("read sealing key %d: %w", generation, err)
	}
	return s.keep(row, false)
}

// keep adds a generation to the keyring.
func (s *Service) keep(row *sealingKey, newest bool) (*sealer, error) {
	k, err := newSealer(row)
	if err != nil {
		return nil, err
	}
	for {
		old := s.keys.Load()
		next := &keyring{newest: old.newest, byGeneration: maps.Clone(old.byGeneration)}
		if next.byGeneration == nil {
			next.byGeneration = map[uint32]*sealer{}
		}
		next.byGeneration[k.generation] = k
		if newest {
			next.newest = k
		}
		if s.keys.CompareAndSwap(old, next) {
			return k, nil
		}
	}
}

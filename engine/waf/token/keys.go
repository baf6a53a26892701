package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"sync/atomic"
)

// Key signs tokens and puzzles. Its ID is carried in what it signs.
type Key struct {
	ID     uint32
	Secret [32]byte
}

// Keys are the signing key and those before it, which still verify. They may be
// rotated while tokens are verified.
type Keys struct{ ring atomic.Pointer[[]Key] }

// NewKeys returns keys of which the first signs. There must be one.
func NewKeys(keys ...Key) (*Keys, error) {
	k := &Keys{}
	return k, k.Rotate(keys...)
}

// Rotate replaces the keys: the first signs from now on, tokens of keys that are
// no longer among them become invalid.
func (k *Keys) Rotate(keys ...Key) error {
	if len(keys) == 0 {
		return errors.New("rotate token keys: no key")
	}
	seen := map[uint32]bool{}
	for _, one := range keys {
		if one.Secret == ([32]byte{}) || seen[one.ID] {
			return errors.New("rotate token keys: a key is empty, or two have one id")
		}
		seen[one.ID] = true
	}
	ring := append([]Key(nil), keys...)
	k.ring.Store(&ring)
	return nil
}

func (k *Keys) signer() *Key { return &(*k.ring.Load())[0] }

func (k *Keys) find(id uint32) *Key {
	ring := *k.ring.Load()
	for i := range ring {
		if ring[i].ID == id {
			return &ring[i]
		}
	}
	return nil
}

// purpose keeps signatures of one thing from being those of another.
type purpose string

const (
	forToken  purpose = "garrison waf token 1"
	forPuzzle purpose = "garrison waf puzzle 1"
	forAnswer purpose = "garrison waf answer 1"
)

func (k *Key) mac(p purpose, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, k.Secret[:])
	h.Write([]byte(p))
	h.Write([]byte{0})
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

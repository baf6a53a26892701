package sigv4

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

// A scopeKey is one secret's key for one day, Region and service. It is safe for
// concurrent use.
type scopeKey struct {
	secret [sha256.Size]byte // the derived key; of no use with SigV4A
	public *ecdsa.PublicKey  // SigV4A's
	macs   sync.Pool         // *macState, keyed already
	used   atomic.Bool       // since the last sweep
}

// A macState is an HMAC and the room for its sum, so that neither is allocated
// for a request.
type macState struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

// mac returns the message's HMAC-SHA256.
func (k *scopeKey) mac(message []byte) [sha256.Size]byte {
	m, ok := k.macs.Get().(*macState)
	if !ok {
		m = &macState{mac: hmac.New(sha256.New, k.secret[:])}
	}
	m.mac.Write(message)
	m.mac.Sum(m.sum[:0])
	m.mac.Reset()
	sum := m.sum
	k.macs.Put(m)
	return sum
}

// derive makes the key for a signature's scope (Signature Version 4, "Derive a
// signing key").
func derive(secret Secret, s *Signature) (*scopeKey, error) {
	if s.Algorithm == SigV4A {
		public, err := derivePublic(secret, s.AccessKeyID)
		return &scopeKey{public: public}, err
	}
	key := []byte("AWS4" + secret.key)
	for _, part := range []string{s.Date, s.Region, s.Service, terminator} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return &scopeKey{secret: [sha256.Size]byte(key)}, nil
}

// Bounds of the cache of derived keys: a key is 300 bytes or so.
const (
	cacheShards = 16
	shardKeys   = 512
)

// A keyName is what a derived key depends on. The secret's fingerprint is in it,
// so that a key made of a secret that was replaced can't be found.
type keyName struct {
	id, date, region, service string
	secret                    [sha256.Size]byte
	algorithm                 Algorithm
}

func nameOf(s *Signature, secret Secret) keyName {
	n := keyName{s.AccessKeyID, s.Date, s.Region, s.Service, secret.fingerprint(), s.Algorithm}
	if s.Algorithm == SigV4A {
		n.date, n.service = "", "" // its key is for all scopes
	}
	return n
}

// A keyCache remembers derived keys, whose derivation costs more than the rest
// of a verification.
type keyCache struct{ shards [cacheShards]cacheShard }

type cacheShard struct {
	mu   sync.RWMutex // guards keys; writers are first requests of a scope only
	keys map[keyName]*scopeKey
}

func (c *keyCache) shard(n *keyName) *cacheShard { return &c.shards[n.secret[0]%cacheShards] }

// find returns a remembered key, or nil.
func (c *keyCache) find(n *keyName) *scopeKey {
	shard := c.shard(n)
	shard.mu.RLock()
	k := shard.keys[*n]
	shard.mu.RUnlock()
	if k != nil && !k.used.Load() {
		k.used.Store(true)
	}
	return k
}

// keep remembers a key. It is for keys that have verified a signature: whoever
// only knows an access key's id could otherwise fill the cache.
func (c *keyCache) keep(n keyName, k *scopeKey) {
	// The name's strings are parts of a request, whose buffers must not live on.
	n.id, n.date, n.region, n.service = strings.Clone(n.id), strings.Clone(n.date), strings.Clone(n.region), strings.Clone(n.service)
	shard := c.shard(&n)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.keys == nil {
		shard.keys = make(map[keyName]*scopeKey)
	}
	if len(shard.keys) >= shardKeys {
		shard.sweep()
	}
	shard.keys[n] = k
}

// sweep forgets the keys that were not used since the last sweep, and at least
// one.
func (s *cacheShard) sweep() {
	for n, k := range s.keys {
		if !k.used.Swap(false) {
			delete(s.keys, n)
		}
	}
	for n := range s.keys {
		if len(s.keys) < shardKeys {
			return
		}
		delete(s.keys, n)
	}
}

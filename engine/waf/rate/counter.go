package rate

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

const (
	shards   = 64
	perShard = 1024
	// subSlots divide the window; the one that the window's start falls into is
	// counted by the share of it that is still inside.
	subSlots = 12
	// evictLook is how many keys are compared when one must make room.
	evictLook = 16
)

// Counter counts the requests of one rule, by key.
type Counter struct {
	shape  [32]byte
	window time.Duration
	slot   time.Duration
	limit  int64
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	keys map[string]*ring
}

// ring holds the counts of sub-slots head-subSlots to head.
type ring struct {
	head   int64
	counts [subSlots + 1]uint32
}

func newCounter(shape [32]byte, window time.Duration, limit int64) *Counter {
	c := &Counter{shape: shape, window: window, slot: window / subSlots, limit: limit, seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].keys = map[string]*ring{}
	}
	return c
}

// Add counts one request of key at now, and returns how many there were in the
// window that ends with it, itself included.
func (c *Counter) Add(key []byte, now time.Time) int64 {
	s := &c.shards[maphash.Bytes(c.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.keys[string(key)]
	if r == nil {
		if len(s.keys) >= perShard {
			c.evict(s, now)
		}
		r = &ring{head: c.index(now)}
		s.keys[string(key)] = r
	}
	r.advance(c.index(now))
	r.counts[at(r.head)]++
	return r.sum(c.share(now))
}

// Over says whether n requests in a window are above the limit.
func (c *Counter) Over(n int64) bool { return n > c.limit }

func (c *Counter) index(now time.Time) int64 { return now.UnixNano() / int64(c.slot) }

// share is how much of the oldest sub-slot still lies in the window, in 1024ths.
func (c *Counter) share(now time.Time) int64 {
	into := now.UnixNano() % int64(c.slot)
	return 1024 - into*1024/int64(c.slot)
}

func at(slot int64) int64 {
	i := slot % (subSlots + 1)
	if i < 0 {
		i += subSlots + 1
	}
	return i
}

// advance moves the ring to slot. A clock that goes back counts into the newest
// slot it has reached.
func (r *ring) advance(slot int64) {
	if slot-r.head > subSlots {
		*r = ring{head: slot}
		return
	}
	for r.head < slot {
		r.head++
		r.counts[at(r.head)] = 0
	}
}

func (r *ring) sum(share int64) int64 {
	var n int64
	for _, c := range r.counts {
		n += int64(c)
	}
	oldest := int64(r.counts[at(r.head-subSlots)])
	return n - oldest + oldest*share/1024
}

// evict drops the slowest of a few keys. Those of a flood stay, which is what
// AWS promises of the highest rates.
func (c *Counter) evict(s *shard, now time.Time) {
	var victim string
	least, looked := int64(-1), 0
	for key, r := range s.keys {
		r.advance(c.index(now))
		if n := r.sum(c.share(now)); least < 0 || n < least {
			victim, least = key, n
		}
		if looked++; looked == evictLook || least == 0 {
			break
		}
	}
	delete(s.keys, victim)
}

// Key is a limited key and its requests in the window.
type Key struct {
	Value string
	Count int64
}

// maxManaged is how many limited keys AWS manages for a rule.
const maxManaged = 10_000

// Limited returns the keys that are above the limit at now, the fastest first,
// at most AWS's 10,000.
func (c *Counter) Limited(now time.Time) []Key {
	var out []Key
	for i := range c.shards {
		out = c.shards[i].limited(c, now, out)
	}
	slices.SortFunc(out, func(a, b Key) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(len(out), maxManaged)]
}

func (s *shard) limited(c *Counter, now time.Time, out []Key) []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.keys {
		r.advance(c.index(now))
		if n := r.sum(c.share(now)); c.Over(n) {
			out = append(out, Key{key, n})
		}
	}
	return out
}

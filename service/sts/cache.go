package sts

import (
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// Credentials name a session: a token opens only with its own key id.
type credentials struct{ accessKeyID, token string }

// A session is an opened token. It never changes.
type session struct {
	secret    string
	principal *authz.Principal
	managed   []string // ARNs of session policies that the principal still lacks
}

// String keeps the secret out of logs.
func (*session) String() string { return "redacted" }

// A cache keeps opened tokens, so that a client's second call costs a look-up. A
// token never changes its meaning, so nothing in it becomes stale but by time,
// which the reader checks. When the young generation is full it becomes the old
// one: what was not used for a whole generation is then forgotten.
type cache struct {
	mu         sync.RWMutex // guards the maps
	young, old map[credentials]*session
	maximum    int
}

// newCache returns a cache of about n sessions.
func newCache(n int) *cache {
	return &cache{young: map[credentials]*session{}, maximum: max(1, n/2)}
}

// get returns an opened token, or nil.
func (c *cache) get(k credentials) *session {
	c.mu.RLock()
	held := c.young[k]
	aged := held == nil
	if aged {
		held = c.old[k]
	}
	c.mu.RUnlock()
	if aged && held != nil {
		c.put(k, held)
	}
	return held
}

// put remembers an opened token. It copies the strings, which may be parts of a
// whole request.
func (c *cache) put(k credentials, held *session) {
	k = credentials{strings.Clone(k.accessKeyID), strings.Clone(k.token)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.maximum {
		c.old, c.young = c.young, make(map[credentials]*session, c.maximum)
	}
	c.young[k] = held
}

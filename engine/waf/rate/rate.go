// Package rate counts requests for rate-based rules.
//
// Counters live in a Store, outside of any compiled program, so that an update
// of a web ACL keeps the counts of every rule it did not change. Each counter
// keeps its keys in 64 shards, each key a ring of sub-slots of the window, and
// at most 65,536 keys: beyond that the slowest go first.
//
//	Store.Counter(ID) → Counter.Add(key, now) → requests in the window
//
// The package has no clock and no goroutine: time only passes by being told.
package rate

import (
	"sync"
	"time"
)

// ID names the counter of one use of a rule: the web ACL's ARN and the path of
// rule names to it. Shape is a digest of the statement's settings: AWS resets a
// rule's counts when any of them changes.
type ID struct {
	ACL, Rule string
	Shape     [32]byte
}

type place struct{ acl, rule string }

// Store holds the counters of all web ACLs.
type Store struct {
	mu       sync.Mutex
	counters map[place]*Counter
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{counters: map[place]*Counter{}} }

// Counter returns the counter of id, made afresh where there is none or where
// its statement has changed.
func (s *Store) Counter(id ID, window time.Duration, limit int64) *Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{id.ACL, id.Rule}
	if c := s.counters[at]; c != nil && c.shape == id.Shape {
		return c
	}
	c := newCounter(id.Shape, window, limit)
	s.counters[at] = c
	return c
}

// Find returns the counter at a rule of an ACL, or nil.
func (s *Store) Find(acl, rule string) *Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counters[place{acl, rule}]
}

// Keep drops the counters of acl whose rules are not listed; with none listed
// it forgets the ACL.
func (s *Store) Keep(acl string, rules ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := map[string]bool{}
	for _, r := range rules {
		kept[r] = true
	}
	for at := range s.counters {
		if at.acl == acl && !kept[at.rule] {
			delete(s.counters, at)
		}
	}
}

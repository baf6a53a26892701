// Package lastuse knows when things were last used: access keys, permissions,
// keys. A call notes its uses in memory and writes nothing; one transaction every
// minute keeps what came together. What is read is what was noted, kept or not.
// It refuses to grow without bounds: uses that come faster than they can be kept
// are forgotten.
//
//	call → Note → memory → Run: one transaction a minute → Last, All
package lastuse

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// The kinds of things whose uses the gateway notes.
const (
	// AccessKey is a long-term access key by its id.
	AccessKey = "access-key"
	// Permission is what a user or a role has asked for: ID is the principal's
	// unique id, Detail the IAM action.
	Permission = "permission"
	// Resource is what an operation has made use of: ID is its ARN.
	Resource = "resource"
)

// A Thing is what can be used. It is comparable: two equal Things are one.
type Thing struct {
	// Kind is the sort of thing, Account the account that it belongs to, and ID its
	// name, which is never given to another.
	Kind, Account, ID string
	// Detail tells the ways apart in which one thing is used, such as actions;
	// empty where that is of no interest.
	Detail string
}

// A Use is one use of a thing.
type Use struct {
	At time.Time
	// Service and Operation are what was called, by the service's IAM prefix and
	// the operation's name; Region is where.
	Service, Operation, Region string
	// RequestID and EventID name the call, to its caller and in CloudTrail.
	RequestID, EventID string
}

// Config is what a Recorder is made of.
type Config struct {
	DB *store.DB
	// Clock is the time that passes between two transactions.
	Clock clock.Clock
	// Kept is how long a use is remembered; zero is for ever. It is by kind.
	Kept map[string]time.Duration
}

const (
	// shards is how many locks the notes are spread over, and maxNotes how many
	// things one of them holds between two transactions.
	shards   = 64
	maxNotes = 1024
	// every is the time between two transactions. AWS itself tells last uses with a
	// delay: of up to four hours in reports (IAM User Guide, "Refine permissions in
	// AWS using last accessed information").
	every = time.Minute
)

// A Recorder notes uses. It is safe for concurrent use.
type Recorder struct {
	config Config
	seed   maphash.Seed
	shards [shards]shard
	// full wakes Run before its time when the notes take too much room.
	full chan struct{}
}

// A shard is a part of the notes. It has a cache line of its own, so that two
// processors which note at the same time do not wait for each other.
type shard struct {
	mu    sync.Mutex // guards notes
	notes map[Thing]Use
	_     [40]byte
}

// New returns a Recorder that keeps uses in c.DB once Run runs.
func New(c Config) *Recorder {
	r := &Recorder{config: c, seed: maphash.MakeSeed(), full: make(chan struct{}, 1)}
	for i := range r.shards {
		r.shards[i].notes = map[Thing]Use{}
	}
	return r
}

// shard is where all uses of one thing lie, so that All has one to look into.
func (r *Recorder) shard(id string) *shard {
	return &r.shards[maphash.String(r.seed, id)%shards]
}

// Note remembers that t was used. It neither waits for a disk nor allocates for
// what was noted since the last transaction. A use older than the one known
// changes nothing.
func (r *Recorder) Note(t Thing, u Use) {
	s := r.shard(t.ID)
	s.mu.Lock()
	old, known := s.notes[t]
	crowded := !known && len(s.notes) >= maxNotes/2
	if (known || len(s.notes) < maxNotes) && !old.At.After(u.At) {
		s.notes[t] = u
	}
	s.mu.Unlock()
	if crowded {
		select {
		case r.full <- struct{}{}:
		default: // Run knows already
		}
	}
}

// Last returns the last use of t, kept or only noted so far. ok is false if it is
// not known to have been used.
func (r *Recorder) Last(tx *store.Tx, t Thing) (u Use, ok bool, err error) {
	s := r.shard(t.ID)
	s.mu.Lock()
	noted, known := s.notes[t]
	s.mu.Unlock()
	// The note is looked for first: Run forgets it only once it is kept.
	kept, err := uses.Get(tx, t.Kind, t.Account, t.ID, t.Detail)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return noted, known, nil
	case err != nil:
		return Use{}, false, err
	case known && !noted.At.Before(kept.Use.At):
		return noted, true, nil
	}
	return kept.Use, true, nil
}

// LastUse is Last in a transaction of its own.
func (r *Recorder) LastUse(ctx context.Context, t Thing) (u Use, ok bool, err error) {
	err = r.config.DB.View(ctx, func(tx *store.Tx) (err error) {
		u, ok, err = r.Last(tx, t)
		return err
	})
	return u, ok, err
}

// All returns the last uses of a thing by Detail. t.Detail does not count.
func (r *Recorder) All(tx *store.Tx, t Thing) (map[string]Use, error) {
	out := map[string]Use{}
	s := r.shard(t.ID)
	s.mu.Lock()
	for other, u := range s.notes {
		if other.Kind == t.Kind && other.Account == t.Account && other.ID == t.ID {
			out[other.Detail] = u
		}
	}
	s.mu.Unlock()
	for row, err := range uses.Scan(tx, store.Range{Prefix: store.K(t.Kind, t.Account, t.ID)}) {
		if err != nil {
			return nil, err
		}
		if u, known := out[row.Detail]; !known || u.At.Before(row.Use.At) {
			out[row.Detail] = row.Use
		}
	}
	return out, nil
}

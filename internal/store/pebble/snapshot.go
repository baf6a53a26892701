package pebble

import "github.com/cockroachdb/pebble/v2"

// A snapshot is shared by the readers between two commits: the library's own
// costs a microsecond to take and to release. The engine counts as one user
// until the next commit, so that an idle store holds no old versions back for
// longer than it has to.
type snapshot struct {
	snap  *pebble.Snapshot
	rev   uint64
	seen  uint64 // what must be durable before a reader's barrier lets go
	users int    // guarded by the engine's snaps
}

// read counts a transaction in and returns the newest snapshot. What must be
// durable is noted after the snapshot is taken: strict moves before a commit
// becomes visible, so it covers all that the snapshot holds.
func (e *Engine) read() (*snapshot, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	e.snaps.Lock()
	defer e.snaps.Unlock()
	if e.shared == nil {
		rev := e.applied.Load()
		snap := e.db.NewSnapshot()
		e.shared = &snapshot{snap: snap, rev: rev, seen: e.strict.Load(), users: 1}
	}
	e.shared.users++
	return e.shared, nil
}

// release counts one user out.
func (e *Engine) release(s *snapshot) {
	e.snaps.Lock()
	s.users--
	last := s.users == 0
	e.snaps.Unlock()
	if last {
		_ = s.snap.Close() // it only fails on a second close
	}
}

// renew makes the next reader take a snapshot of its own time. A commit calls it
// once it is visible and before it returns.
func (e *Engine) renew() {
	e.snaps.Lock()
	old := e.shared
	e.shared = nil
	e.snaps.Unlock()
	if old != nil {
		e.release(old)
	}
}

package secretsmanager

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// accesses are reads whose day is not stored yet. A read writes nothing: the
// first one of a day leaves a note here, and Run writes it down. A note that is
// lost with the process is lost for that day.
type accesses struct {
	mu    sync.Mutex // guards notes
	notes map[access]time.Time
}

// An access names the version that was read.
type access struct{ account, name, suffix, version string }

const (
	// maxNotes bounds the notes; reads beyond it go unnoted until Run has caught up.
	maxNotes = 10_000
	// notesPerUpdate keeps a batch of rows of the largest values within a transaction.
	notesPerUpdate = 64
)

// accessed notes that a version was read, once a day.
func (s *Service) accessed(row *secret, v *version) {
	today := s.clock.Now().UTC().Truncate(day)
	if row.Accessed.Equal(today) && v.Accessed.Equal(today) {
		return
	}
	a := access{row.Account, row.Name, row.Suffix, v.ID}
	if s.accesses.note(a, today) {
		s.wake()
	}
}

// note reports whether the note is new.
func (x *accesses) note(a access, today time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.notes[a].Equal(today) || len(x.notes) >= maxNotes {
		return false
	}
	if x.notes == nil {
		x.notes = map[access]time.Time{}
	}
	x.notes[a] = today
	return true
}

// take removes up to n notes and returns them.
func (x *accesses) take(n int) map[access]time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make(map[access]time.Time, min(n, len(x.notes)))
	for a, t := range x.notes {
		if len(out) == n {
			break
		}
		out[a] = t
		delete(x.notes, a)
	}
	return out
}

// keepAccesses writes the notes into the rows.
func (s *Service) keepAccesses(ctx context.Context) (next time.Time, err error) {
	for {
		notes := s.accesses.take(notesPerUpdate)
		if len(notes) == 0 {
			return next, nil
		}
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			for a, t := range notes {
				if err := a.keep(tx, t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return next, err
		}
	}
}

func (a access) keep(tx *store.Tx, t time.Time) error {
	row, err := (reference{account: a.account, name: a.name, suffix: a.suffix}).get(tx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := row.version(tx, a.version)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if row.replicated() && row.Accessed.Before(t) {
		if err := row.send(tx, row.Bond.Primary, letter{Link: row.Bond.Link, Report: &report{Accessed: t}}); err != nil {
			return err
		}
	}
	row.Accessed, v.Accessed = t, t
	if err := versions.Put(tx, v); err != nil {
		return err
	}
	return secrets.Put(tx, row)
}

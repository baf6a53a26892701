package lastuse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A row is the last use of a thing, as it is kept.
type row struct {
	Thing
	Use Use
	// Ends is when the use is forgotten; zero is never.
	Ends time.Time
}

var uses = store.NewTable("lastuse.use",
	func(r *row) store.Key { return store.K(r.Kind, r.Account, r.ID, r.Detail) },
	store.Expires(func(r *row) time.Time { return r.Ends }), store.Unwatched[row]())

// batch is how many rows one transaction writes at most: each is up to three keys
// with the entries of its expiry.
const batch = 2000

// Run keeps what is noted until ctx ends, and then what is left. A full disk
// stops it from keeping, not from noting.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		stopped := r.wait(ctx)
		err := r.Keep(context.WithoutCancel(ctx))
		if errors.Is(err, store.ErrFull) {
			err = nil // it stays noted, for the next time
		}
		if stopped || err != nil {
			return err
		}
	}
}

// wait returns when it is time to keep, and whether ctx has ended.
func (r *Recorder) wait(ctx context.Context) (stopped bool) {
	early, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-r.full:
			stop()
		case <-early.Done():
		}
	}()
	_ = clock.Sleep(early, r.config.Clock, every) // however it ends, there may be something to keep
	return ctx.Err() != nil
}

// Keep writes all that is noted. Run calls it.
func (r *Recorder) Keep(ctx context.Context) error {
	var rows []*row
	for i := range r.shards {
		rows = r.shards[i].appendRows(rows)
	}
	for part := range slices.Chunk(rows, batch) {
		if err := r.config.DB.Update(ctx, func(tx *store.Tx) error { return r.write(tx, part) }); err != nil {
			return fmt.Errorf("keep last uses: %w", err)
		}
		for _, row := range part {
			r.shard(row.ID).forget(row)
		}
	}
	return nil
}

func (s *shard) appendRows(rows []*row) []*row {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, u := range s.notes {
		rows = append(rows, &row{Thing: t, Use: u})
	}
	return rows
}

// forget drops a note that is kept, unless the thing was used again meanwhile.
func (s *shard) forget(kept *row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notes[kept.Thing] == kept.Use {
		delete(s.notes, kept.Thing)
	}
}

// write keeps rows that are newer than what another process has kept.
func (r *Recorder) write(tx *store.Tx, rows []*row) error {
	for _, next := range rows {
		old, err := uses.Get(tx, next.Kind, next.Account, next.ID, next.Detail)
		switch {
		case err == nil && old.Use.At.After(next.Use.At):
			continue
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		if kept := r.config.Kept[next.Kind]; kept > 0 {
			next.Ends = next.Use.At.Add(kept)
		}
		if err := uses.Put(tx, next); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops what is known of t: it is for the transaction that deletes the thing.
func (r *Recorder) Forget(tx *store.Tx, t Thing) error {
	s := r.shard(t.ID)
	s.mu.Lock()
	delete(s.notes, t)
	s.mu.Unlock()
	err := uses.Delete(tx, t.Kind, t.Account, t.ID, t.Detail)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

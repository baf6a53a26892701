package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	firstPause = 50 * time.Millisecond // after an error; each further one doubles it
	longPause  = 30 * time.Second
	maxDeliver = 30 * time.Second // of one Deliver
	readAhead  = 8                // messages that one read of the outbox returns
	maxAck     = 1000             // messages that one transaction forgets
)

// A stream is the sender's end: its courier is one goroutine.
type stream struct {
	relay           *Relay
	dest, to, topic string
	peer            Peer // nil: not connected
	log             *slog.Logger
	work            chan struct{} // has room for one: there may be something to deliver
	lastError       atomic.Pointer[string]

	// forgotten is a number up to which the outbox has nothing left. Reading from
	// there spares a walk over all that was deleted and is not compacted yet.
	forgotten atomic.Uint64

	// The courier's own.
	after uint64 // deliver what comes past it
	lost  bool   // the last attempt failed, and the log says so
}

// An epoch sets a stream apart from its own past, which a backup has undone.
type epoch struct{ Dest, Epoch string }

var epochs = store.NewTable("relay.epoch", func(e *epoch) store.Key { return store.K(e.Dest) }, store.Unwatched[epoch]())

var errGap = errors.New("the receiver takes none of the batch, it lacks earlier messages")

// run delivers until ctx ends.
func (s *stream) run(ctx context.Context) {
	pause := firstPause
	for {
		more, err := s.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.failed(ctx, err)
			if clock.Sleep(ctx, s.relay.clock, pause) != nil {
				return
			}
			pause = min(2*pause, longPause)
		default:
			s.recovered(ctx)
			pause = firstPause
			if !more && !s.wait(ctx) {
				return
			}
		}
	}
}

// wait reports whether there is work; if not, ctx has ended.
func (s *stream) wait(ctx context.Context) bool {
	select {
	case <-s.work:
		return true
	case <-ctx.Done():
		return false
	}
}

// step makes one attempt. It reports whether there may be more to deliver at once.
func (s *stream) step(ctx context.Context) (more bool, err error) {
	b, err := s.load(ctx)
	if err != nil || b == nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, maxDeliver)
	applied, err := s.peer.Deliver(limited, b)
	cancel()
	if errors.Is(err, ErrForked) {
		return false, s.fork(ctx, b.Store)
	}
	if err == nil && applied < b.Seq {
		err = errGap
	}
	if late := s.settle(ctx, b, applied); late != nil {
		return false, errors.Join(err, late)
	}
	return err == nil, err
}

// settle forgets what has been applied, and finds where to go on.
func (s *stream) settle(ctx context.Context, b *Batch, applied uint64) error {
	switch {
	case applied > b.last():
		return s.skip(ctx, applied, b.Store)
	case applied >= b.Seq:
		return s.forget(ctx, b.First, applied)
	case applied+1 < b.Seq: // a gap, or no answer at all
		s.after = applied
	}
	return nil
}

// load reads the next batch; nil for none.
func (s *stream) load(ctx context.Context) (*Batch, error) {
	b := &Batch{From: s.relay.region, To: s.to, Topic: s.topic}
	oldest, err := s.oldest(ctx)
	if err != nil || len(oldest) == 0 {
		return nil, err
	}
	b.First = oldest[0].Seq
	if b.Store, err = s.identity(ctx); err != nil {
		return nil, err
	}
	for size, at := 0, max(s.after, b.First-1); ; {
		read, err := s.relay.db.Outbox(ctx, s.dest, at, readAhead)
		if err != nil {
			return nil, err
		}
		for _, m := range read {
			size += len(m.Payload)
			if len(b.Bodies) > 0 && (len(b.Bodies) == maxBatch || size > maxBatchBytes) {
				return b, nil
			}
			b.add(&m)
		}
		if len(read) < readAhead {
			return b.filled(), nil
		}
		at = b.last()
	}
}

// oldest returns the first message that waits, or none.
func (s *stream) oldest(ctx context.Context) ([]store.Message, error) {
	return s.relay.db.Outbox(ctx, s.dest, s.forgotten.Load(), 1)
}

func (b *Batch) add(m *store.Message) {
	if len(b.Bodies) == 0 {
		b.Seq = m.Seq
	}
	b.Bodies = append(b.Bodies, m.Payload)
}

// filled returns nil for an empty batch.
func (b *Batch) filled() *Batch {
	if len(b.Bodies) == 0 {
		return nil
	}
	return b
}

// identity names the sender's end of the stream.
func (s *stream) identity(ctx context.Context) (id string, err error) {
	err = s.relay.db.View(ctx, func(tx *store.Tx) error {
		id, err = s.identityIn(tx)
		return err
	})
	return id, err
}

func (s *stream) identityIn(tx *store.Tx) (string, error) {
	e, err := epochs.Get(tx, s.dest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.relay.db.ID(), nil
	case err != nil:
		return "", err
	}
	return s.relay.db.ID() + "." + e.Epoch, nil
}

// restarted reports whether a stream's identity is that of one which began anew
// with what was left of it.
func restarted(id string) bool { return strings.Contains(id, ".") }

// skip goes on past a batch that the receiver was ahead of. Its word alone isn't
// enough to forget messages: a store that was put back to a backup gives numbers
// out again. So the newest applied message is delivered once more, for the
// receiver to compare; and one that was never sent settles the matter at once.
func (s *stream) skip(ctx context.Context, applied uint64, id string) error {
	probe, err := s.relay.db.Outbox(ctx, s.dest, applied-1, 1)
	if err != nil {
		return err
	}
	if len(probe) == 1 && probe[0].Seq == applied {
		s.after = applied - 1
		return nil
	}
	oldest, err := s.oldest(ctx)
	if err != nil {
		return err
	}
	if len(oldest) == 1 && oldest[0].Seq <= applied {
		return s.fork(ctx, id)
	}
	s.after = applied // another process has seen to it
	return nil
}

// fork gives the stream a new identity, unless another process was quicker. It
// always returns an error, so that a peer that talks nonsense is not asked again
// at once.
func (s *stream) fork(ctx context.Context, id string) error {
	fresh := &epoch{Dest: s.dest, Epoch: rand.Text()}
	err := s.relay.db.Update(ctx, func(tx *store.Tx) error {
		now, err := s.identityIn(tx)
		if err != nil || now != id {
			return err
		}
		return epochs.Put(tx, fresh)
	})
	if err != nil {
		return fmt.Errorf("begin the stream anew: %w", err)
	}
	s.after = 0
	s.log.Warn("the receiver has seen messages that this store does not know; was it put back to an older backup? the stream begins anew with what waits")
	return ErrForked
}

// forget removes what was applied. It doesn't wait for the disk: what comes back
// after a crash is delivered again, and passed over.
func (s *stream) forget(ctx context.Context, first, applied uint64) error {
	for first <= applied {
		upto := min(applied, first+maxAck-1)
		err := s.relay.db.Append(ctx, func(tx *store.Tx) error {
			for seq := first; seq <= upto; seq++ {
				if err := tx.Ack(s.dest, seq); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget what was applied: %w", err)
		}
		first = upto + 1
	}
	s.after = applied
	s.forgotten.Store(applied)
	return nil
}

// failed logs the first of a row of errors.
func (s *stream) failed(ctx context.Context, err error) {
	text := err.Error()
	s.lastError.Store(&text)
	if !s.lost {
		s.lost = true
		s.log.WarnContext(ctx, "messages wait; delivery is tried again", "err", err)
	}
}

// recovered logs the end of them, and what had gathered.
func (s *stream) recovered(ctx context.Context) {
	s.lastError.Store(nil)
	if !s.lost {
		return
	}
	s.lost = false
	now := StreamStatus{}
	if d, err := s.relay.db.Destinations(ctx, s.dest); err == nil && len(d) > 0 {
		now = s.status(ctx, d[0].Last)
	}
	age := time.Duration(0)
	if !now.Oldest.IsZero() {
		age = s.relay.clock.Now().Sub(now.Oldest)
	}
	s.log.InfoContext(ctx, "messages are delivered again", "waiting", now.Pending, "oldest", age)
}

package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Run delivers what is sent until ctx ends, and then returns nil. It begins with
// what an earlier process has left.
func (r *Relay) Run(ctx context.Context) error {
	r.mu.Lock()
	r.streams = map[string]*stream{} // couriers of an earlier Run have ended
	r.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	var couriers sync.WaitGroup
	defer couriers.Wait()
	defer stop()
	for {
		err := r.dispatch(ctx, &couriers)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, store.ErrCompacted):
			return fmt.Errorf("relay of %s: %w", r.region, err)
		}
	}
}

// dispatch wakes the courier of each stream that has something to deliver. One
// watcher does for all, and wakes nobody while nothing is sent.
func (r *Relay) dispatch(ctx context.Context, couriers *sync.WaitGroup) error {
	from := r.db.Rev() // before the list is read, so that nothing falls between the two
	all, err := r.db.Destinations(ctx, prefix)
	if err != nil {
		return err
	}
	for _, d := range all {
		r.wake(ctx, d.Name, couriers)
	}
	for e, err := range r.db.Watch(ctx, store.TableOutbox, from) {
		if err != nil {
			return err
		}
		key := e.Key.String() // destination/number
		if e.Op == store.Written && strings.HasPrefix(key, prefix) {
			r.wake(ctx, key[:strings.LastIndexByte(key, '/')], couriers)
		}
	}
	return nil
}

// wake tells a stream's courier to look, and starts it at the first time.
func (r *Relay) wake(ctx context.Context, dest string, couriers *sync.WaitGroup) {
	r.mu.Lock()
	s, known := r.streams[dest]
	if !known {
		s = r.newStream(dest)
		r.streams[dest] = s
	}
	r.mu.Unlock()
	select {
	case s.work <- struct{}{}:
	default: // it will look in any case
	}
	switch {
	case known:
	case s.peer == nil:
		s.log.Warn("messages wait for a Region that is not connected")
	default:
		couriers.Go(func() { s.run(ctx) })
	}
}

func (r *Relay) newStream(dest string) *stream {
	to, topic, _ := strings.Cut(strings.TrimPrefix(dest, prefix), "/")
	return &stream{
		relay: r, dest: dest, to: to, topic: topic, peer: r.peers[to],
		log: r.log.With("to", to, "topic", topic), work: make(chan struct{}, 1),
	}
}

// A StreamStatus is how one stream of the Region's own messages stands.
type StreamStatus struct {
	To, Topic string
	Pending   uint64    // messages not yet acknowledged
	Oldest    time.Time // when the oldest of them was sent; zero for none
	LastError string    // of the last attempt; empty when it went well, or there was none
}

// Status returns all streams that anything was ever sent on, sorted. It reads the
// store; a stream that can't be read shows why in LastError.
func (r *Relay) Status() []StreamStatus {
	ctx := context.Background() // the caller is a metrics page, and the reads are few
	all, err := r.db.Destinations(ctx, prefix)
	if err != nil {
		return []StreamStatus{{LastError: err.Error()}}
	}
	out := make([]StreamStatus, 0, len(all))
	for _, d := range all {
		r.mu.Lock()
		s, ok := r.streams[d.Name]
		r.mu.Unlock()
		if !ok {
			s = r.newStream(d.Name)
		}
		out = append(out, s.status(ctx, d.Last))
	}
	slices.SortFunc(out, func(a, b StreamStatus) int {
		return strings.Compare(a.To+" "+a.Topic, b.To+" "+b.Topic)
	})
	return out
}

func (s *stream) status(ctx context.Context, last uint64) StreamStatus {
	out := StreamStatus{To: s.to, Topic: s.topic}
	if err := s.lastError.Load(); err != nil {
		out.LastError = *err
	}
	oldest, err := s.oldest(ctx)
	switch {
	case err != nil:
		out.LastError = err.Error()
	case len(oldest) > 0:
		out.Pending = last - oldest[0].Seq + 1
		out.Oldest = sentAt(oldest[0].Payload)
	}
	return out
}

// sentAt returns the zero time for what is no envelope.
func sentAt(body []byte) time.Time {
	var e envelope
	if decoding.Unmarshal(body, &e) != nil {
		return time.Time{}
	}
	return time.Unix(0, e.Sent).UTC()
}

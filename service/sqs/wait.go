package sqs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// waiters are the receive requests that wait for a message.
type waiters struct {
	mu sync.Mutex
	// byPartition is guarded by mu, the longest waiting first.
	byPartition map[string][]*waiter
}

// A waiter is woken by ending its wait.
type waiter struct{ stop context.CancelFunc }

func (w *waiters) add(partition string, stop context.CancelFunc) *waiter {
	one := &waiter{stop}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byPartition[partition] = append(w.byPartition[partition], one)
	return one
}

// remove takes a waiter off the list, and reports whether it was still on it.
func (w *waiters) remove(partition string, one *waiter) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.byPartition[partition]
	i := slices.Index(list, one)
	if i < 0 {
		return false
	}
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(w.byPartition, partition)
	} else {
		w.byPartition[partition] = list
	}
	return true
}

// wake ends the wait of the first n.
func (w *waiters) wake(partition string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.byPartition[partition]
	n = min(n, len(list))
	for _, one := range list[:n] {
		one.stop()
	}
	if n == len(list) {
		delete(w.byPartition, partition)
	} else {
		w.byPartition[partition] = list[n:]
	}
}

// waitFor takes what there is, and waits once if there is nothing: until something
// may have come, until something becomes visible, or until end.
func (s *Service) waitFor(ctx context.Context, t *taking, end time.Time) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	partition := t.queue.partition()
	// On the list first: what comes after the look in the queue then wakes it.
	one := s.waiters.add(partition, stop)
	err := s.take(ctx, t)
	if err != nil || len(t.got) > 0 || !s.clock.Now().Before(end) {
		s.leave(partition, one)
		return err
	}
	until := end
	if t.next > 0 && time.Unix(0, t.next).Before(end) {
		until = time.Unix(0, t.next)
	}
	err = s.clock.Until(waiting, until)
	if ctx.Err() != nil {
		s.leave(partition, one)
		return ctx.Err()
	}
	s.waiters.remove(partition, one)
	if errors.Is(err, context.Canceled) {
		return nil // woken
	}
	return err
}

// leave takes a waiter off the list that will not look again. Had it just been woken,
// another looks in its place.
func (s *Service) leave(partition string, one *waiter) {
	if !s.waiters.remove(partition, one) {
		s.waiters.wake(partition, 1)
	}
}

// A line is a hint at where a partition's line begins, so that a receiver need not
// pass over what others have just taken from its head. It is never needed for what is
// right: whoever finds nothing looks at the whole line, once in a while.
type line struct {
	from    atomic.Int64 // no place is before it; 0 if unknown
	checked atomic.Int64 // when the whole line was last looked at
}

func (s *Service) line(partition string) *line {
	if l, ok := s.lines.Load(partition); ok {
		return l.(*line)
	}
	l, _ := s.lines.LoadOrStore(partition, &line{})
	return l.(*line)
}

// recheck is how long a hint is trusted.
const recheck = time.Second

// begin is where to look first, 0 for the whole line.
func (l *line) begin(now time.Time) int64 {
	if l.doubted(now) {
		return 0
	}
	return l.from.Load()
}

func (l *line) doubted(now time.Time) bool { return now.UnixNano()-l.checked.Load() >= int64(recheck) }

func (l *line) saw(t *taking, now time.Time) {
	if t.from == 0 {
		l.checked.Store(now.UnixNano())
	}
	// Whatever takes a place does so at its time or later, so none comes before now.
	from := now.UnixNano()
	if t.first > 0 {
		from = min(from, t.first)
	}
	l.from.Store(from)
}

package clock

import (
	"context"
	"sync"
	"time"
)

// A Fake stands still until it is told to move. It is for tests.
type Fake struct {
	mu     sync.Mutex // guards the fields below
	now    time.Time
	waiter chan struct{} // closed and replaced at each move
}

// NewFake returns a clock that shows t.
func NewFake(t time.Time) *Fake {
	return &Fake{now: t.UTC(), waiter: make(chan struct{})}
}

// Now returns the time that was last set.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves the clock forward by d and wakes those whose time has come.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	close(f.waiter)
	f.waiter = make(chan struct{})
}

// Until waits for Advance to reach t.
func (f *Fake) Until(ctx context.Context, t time.Time) error {
	for {
		f.mu.Lock()
		due, moved := !f.now.Before(t), f.waiter
		f.mu.Unlock()
		if due {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

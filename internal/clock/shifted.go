package clock

import (
	"context"
	"sync"
	"time"
)

// A Shifted runs like the machine's clock, ahead of it by what it was advanced.
// It is for rehearsals: what would happen in a month happens now.
type Shifted struct {
	mu    sync.Mutex // guards the fields below
	ahead time.Duration
	moved chan struct{} // closed and replaced at each move
}

// NewShifted returns a clock that shows the machine's time until it is advanced.
func NewShifted() *Shifted { return &Shifted{moved: make(chan struct{})} }

// Now returns the machine's time and what the clock was advanced, in UTC.
func (s *Shifted) Now() time.Time {
	ahead, _ := s.state()
	return System{}.Now().Add(ahead)
}

func (s *Shifted) state() (time.Duration, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead, s.moved
}

// Advance moves the clock forward by d and wakes those whose time has come. It
// returns the time that the clock then shows. A negative d is taken as zero: time
// that has passed does not come again.
func (s *Shifted) Advance(d time.Duration) time.Time {
	s.mu.Lock()
	s.ahead += max(0, d)
	close(s.moved)
	s.moved = make(chan struct{})
	s.mu.Unlock()
	return s.Now()
}

// Until waits for the clock to show t, by running or by being advanced.
func (s *Shifted) Until(ctx context.Context, t time.Time) error {
	for {
		ahead, moved := s.state()
		timer := time.NewTimer(time.Until(t.Add(-ahead)))
		select {
		case <-timer.C:
			return nil
		case <-moved:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// Package clock is the one source of time. Everything else takes a Clock, so
// that tests and rehearsals can move time: rotation, expiry and deletion
// windows are then seen in milliseconds instead of weeks.
package clock

import (
	"context"
	"time"
)

// A Clock tells the time and waits for it to pass. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns the current time in UTC.
	Now() time.Time
	// Until waits for the instant t, and returns ctx's error when ctx ends first.
	Until(ctx context.Context, t time.Time) error
}

// Sleep waits until d has passed on c, and returns ctx's error when ctx ends first.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	return c.Until(ctx, c.Now().Add(d))
}

// System is the machine's own clock.
type System struct{}

// Now returns the machine's time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Until waits on the machine's monotonic clock.
func (System) Until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

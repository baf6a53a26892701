package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// TestShiftedRunsAndJumps waits for two times: one that the clock jumps past, and one
// that it must still run to.
func TestShiftedRunsAndJumps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewShifted()
		begin := c.Now()
		woken := make(chan time.Duration, 2)
		for _, d := range []time.Duration{40 * 24 * time.Hour, 41 * 24 * time.Hour} {
			go func() {
				if err := c.Until(t.Context(), begin.Add(d)); err != nil {
					t.Errorf("Until(%v) = %v", d, err)
				}
				woken <- c.Now().Sub(begin)
			}()
		}
		synctest.Wait()
		if got := c.Advance(-time.Hour); !got.Equal(begin) {
			t.Errorf("Advance(-1h) = %v, want the time unchanged, %v", got, begin)
		}
		if got := c.Advance(40 * 24 * time.Hour).Sub(begin); got != 40*24*time.Hour {
			t.Errorf("Advance moved by %v, want 40 days", got)
		}
		for i, want := range []time.Duration{40 * 24 * time.Hour, 41 * 24 * time.Hour} {
			if got := <-woken; got != want {
				t.Errorf("waiter %d woke after %v, want %v", i, got, want)
			}
		}
	})
}

// TestShiftedUntilEnds ends the context of one who waits.
func TestShiftedUntilEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := clock.NewShifted()
	if err := c.Until(ctx, c.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("Until = %v, want %v", err, context.Canceled)
	}
}

package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// TestFakeWakesInOrder lets three wait for different times and moves the clock
// past one after the other.
func TestFakeWakesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := clock.NewFake(noon)
		woken := make(chan time.Duration, 3)
		for _, d := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour} {
			go func() {
				if err := f.Until(t.Context(), noon.Add(d)); err != nil {
					t.Errorf("Until(%v) = %v", d, err)
				}
				woken <- d
			}()
		}
		for i := range 3 {
			f.Advance(time.Hour - 1)
			synctest.Wait()
			if len(woken) != 0 {
				t.Fatalf("someone woke %v too early", <-woken)
			}
			f.Advance(1)
			if got, want := <-woken, time.Duration(i+1)*time.Hour; got != want {
				t.Errorf("woken = %v, want %v", got, want)
			}
		}
	})
}

// TestUntilEnds ends the context of one who waits, on both clocks.
func TestUntilEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]clock.Clock{"fake": clock.NewFake(noon), "system": clock.System{}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		if err := c.Until(ctx, c.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Until = %v, want %v", name, err, context.Canceled)
		}
		if err := c.Until(t.Context(), c.Now()); err != nil {
			t.Errorf("%s: Until(now) = %v, want nil", name, err)
		}
	}
}

// TestClocksTellUTC holds both clocks to one zone: what is stored compares.
func TestClocksTellUTC(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 5*3600)
	for name, c := range map[string]clock.Clock{"fake": clock.NewFake(noon.In(zone)), "system": clock.System{}} {
		if got := c.Now().Location(); got != time.UTC {
			t.Errorf("%s: Now is in %v, want UTC", name, got)
		}
	}
	if got := clock.NewFake(noon.In(zone)).Now(); !got.Equal(noon) {
		t.Errorf("NewFake.Now = %v, want %v", got, noon)
	}
}

// TestSystemUntilWaits measures in the bubble's own time.
func TestSystemUntilWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.System{}
		begin := c.Now()
		if err := clock.Sleep(t.Context(), c, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := c.Now().Sub(begin); got != time.Minute {
			t.Errorf("slept %v, want %v", got, time.Minute)
		}
	})
}

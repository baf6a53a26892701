package rate_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf/rate"
)

func start() time.Time { return time.Unix(1_800_000_000, 0) }

func counter(window time.Duration, limit int64) *rate.Counter {
	return rate.NewStore().Counter(rate.ID{ACL: "acl", Rule: "rule"}, window, limit)
}

// TestWindow compares with a list of all times, the oldest sub-slot's worth
// apart.
func TestWindow(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{60 * time.Second, 120 * time.Second, 300 * time.Second, 600 * time.Second} {
		c := counter(window, 100)
		var times []time.Time
		now := start()
		for i := range 3000 {
			now = now.Add(time.Duration(i*i%7919) * time.Millisecond / 4)
			times = append(times, now)
			inside, slack := 0, 0
			for _, at := range times {
				if age := now.Sub(at); age < window {
					inside++
				}
				if age := now.Sub(at); age >= window-window/12 && age < window+window/12 {
					slack++
				}
			}
			got := c.Add([]byte("k"), now)
			if d := got - int64(inside); d > int64(slack) || d < -int64(slack) {
				t.Fatalf("window %v, request %d: counted %d of %d, %d on the edge", window, i, got, inside, slack)
			}
		}
	}
}

func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	c := counter(time.Minute, 2)
	c.Add([]byte("k"), start())
	if n := c.Add([]byte("k"), start().Add(-time.Hour)); n != 2 {
		t.Errorf("an hour back: %d, want 2", n)
	}
	if n := c.Add([]byte("k"), start().Add(time.Hour)); n != 1 {
		t.Errorf("an hour on: %d, want 1", n)
	}
}

// TestBounded shows that a million sources do not grow the counter without end,
// and do not drive out those of a flood.
func TestBounded(t *testing.T) {
	t.Parallel()
	c := counter(time.Minute, 10)
	for i := range 400_000 {
		c.Add(fmt.Appendf(nil, "spoofed %d", i), start())
		if i%100 == 0 {
			c.Add([]byte("flood"), start())
		}
	}
	keys := c.Limited(start())
	if len(keys) != 1 || keys[0].Value != "flood" || keys[0].Count < 3900 {
		t.Errorf("limited: %v", keys)
	}
}

func TestLimitedAtMost(t *testing.T) {
	t.Parallel()
	c := counter(time.Minute, 10)
	for i := range 12_000 {
		for range 11 + i%2 {
			c.Add(fmt.Appendf(nil, "%d", i), start())
		}
	}
	keys := c.Limited(start())
	if len(keys) != 10_000 || keys[0].Count != 12 || keys[9999].Count != 11 {
		t.Errorf("%d keys, from %d to %d", len(keys), keys[0].Count, keys[len(keys)-1].Count)
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	c := counter(time.Minute, 10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.Add([]byte("k"), start())
			}
		})
	}
	wg.Wait()
	if n := c.Add([]byte("k"), start()); n != 8001 {
		t.Errorf("counted %d, want 8001", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	c := counter(time.Minute, 10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Add([]byte("192.0.2.44"), start())
		}
	})
}

package iam

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTOTPVectors holds codes to RFC 6238, Appendix B, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	d := &mfaDevice{Seed: []byte("12345678901234567890")}
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := d.code(stepAt(time.Unix(at, 0))); got != want {
			t.Errorf("code at %d = %s, want %s", at, got, want)
		}
	}
}

// TestAccept walks a device through time: codes count a step early or late, once,
// and none older than one that has counted.
func TestAccept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &mfaDevice{Seed: rapid.SliceOfN(rapid.Byte(), 20, 40).Draw(t, "seed"), Drift: rapid.Int64Range(-maxDrift, maxDrift).Draw(t, "drift")}
		now, last := time.Unix(1_700_000_000, 0), int64(0)
		for range 20 {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			off := rapid.Int64Range(-3, 3).Draw(t, "off")
			shown := stepAt(now) + d.Drift + off
			if coincide(d, shown, stepAt(now)+d.Drift) {
				continue
			}
			want := off >= -slack && off <= slack && shown > last
			d.Failures = 0 // the pause has a test of its own
			if got := d.accept(now, d.code(shown)); got != want {
				t.Fatalf("code %d steps off, after %d = %v, want %v", off, shown-last, got, want)
			}
			if want {
				last = shown
			}
		}
	})
}

// coincide reports whether another step that could count has the same six digits.
func coincide(d *mfaDevice, shown, at int64) bool {
	for other := at - slack; other <= at+slack; other++ {
		if other != shown && d.code(other) == d.code(shown) {
			return true
		}
	}
	return false
}

// TestGuessing shows that a device closes after wrong codes, even to the right
// one, and opens after the pause.
func TestGuessing(t *testing.T) {
	t.Parallel()
	d, now := &mfaDevice{Seed: []byte("12345678901234567890")}, time.Unix(1_700_000_000, 0)
	for range maxFailures {
		if d.accept(now, "x") {
			t.Fatal("a code of one letter counts")
		}
	}
	if d.accept(now, d.code(stepAt(now))) {
		t.Error("the device is open after wrong codes")
	}
	now = now.Add(pause)
	if !d.accept(now, d.code(stepAt(now))) {
		t.Error("the device is closed after the pause")
	}
}

//go:build !race

package waf_test

import "testing"

// TestNoAllocations holds the common path to none. The race
// detector makes pools forget, and so is left out.
func TestNoAllocations(t *testing.T) {
	p, r := twenty(t), plainGet()
	p.Evaluate(r)
	if n := testing.AllocsPerRun(200, func() { p.Evaluate(r) }); n >= 1 {
		t.Errorf("a GET that is allowed allocates %.1f times", n)
	}
}

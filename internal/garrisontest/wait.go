package garrisontest

import (
	"context"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Patience is how long Eventually waits: far longer than anything should take.
const Patience = 20 * time.Second

// Eventually waits until done, which it asks again and again, and reports whether
// that came about. It is for what background work does.
func Eventually(done func() bool) bool {
	machine := clock.System{}
	for end := machine.Now().Add(Patience); machine.Now().Before(end); {
		if done() {
			return true
		}
		if clock.Sleep(context.Background(), machine, 2*time.Millisecond) != nil {
			return false
		}
	}
	return done()
}

package relay_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// onDisk is a Region on the machine's own disk, with its syncs.
func onDisk(b *testing.B, name string, done chan struct{}) *region {
	b.Helper()
	engine, err := pebble.Open(b.TempDir(), pebble.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	g := &region{name: name}
	if g.db, err = store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: clock.System{}}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = g.db.Close() })
	g.relay = relay.New(relay.Config{DB: g.db, Clock: clock.System{}, Region: name})
	g.relay.Handle(topic, relay.Handler{Apply: write, Applied: func() { done <- struct{}{} }})
	return g
}

// BenchmarkLag measures how long a message takes from the sender's commit to the
// receiver's, in one process and over loopback.
func BenchmarkLag(b *testing.B) {
	for _, far := range []bool{false, true} {
		b.Run(fmt.Sprintf("http=%v", far), func(b *testing.B) {
			done := make(chan struct{}, 1)
			from, to := onDisk(b, "a", done), onDisk(b, "b", done)
			from.relay.Connect("b", to.relay)
			if far {
				secret := newSecret()
				from.relay.Connect("b", remote(b, serve(b, secret, nil, to), secret, nil))
			}
			run(b, from.relay)
			var lags []time.Duration
			for b.Loop() {
				var sent time.Time
				from.send(b, "b", topic, "a note of some length, as a changed key policy's name would be")
				sent = time.Now()
				<-done
				lags = append(lags, time.Since(sent))
			}
			slices.Sort(lags)
			b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkDrain measures how fast a stream that has waited is delivered.
func BenchmarkDrain(b *testing.B) {
	done := make(chan struct{}, 1)
	from, to := onDisk(b, "a", done), onDisk(b, "b", done)
	to.relay.Handle("fast", relay.Handler{Apply: write})
	from.relay.Connect("b", to.relay)
	for b.Loop() {
		b.StopTimer()
		from.send(b, "b", "fast", numbered(0, 1000)...)
		b.StartTimer()
		for more := true; more; {
			var err error
			if more, err = from.relay.Step(b.Context(), "b", "fast"); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "messages/s")
}

package pebble_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

var cycles = flag.Int("store.cycles", 0, "crash cycles per test; 0: the number for every day")

func cycleCount(everyday int) int {
	if *cycles > 0 {
		return *cycles
	}
	return everyday
}

const (
	writers    = 8
	slotsEach  = 4
	totalSlots = writers * slotsEach
)

// runWriters writes until stop is closed or the store fails.
func runWriters(db *store.DB, l *ledger, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if l.step(context.Background(), db, w*slotsEach+i%slotsEach) != nil {
					return
				}
			}
		})
	}
	return &wg
}

// powerCycle runs writers on o.FS, cuts the power at some instant and returns what
// a disk would then hold, with what had been acknowledged before.
func powerCycle(t *testing.T, o pebble.Options, l *ledger, rng *rand.Rand) (*vfs.MemFS, []uint64) {
	t.Helper()
	fs := o.FS.(*vfs.MemFS)
	db, e := mustOpen(t, "data", o, powerRoot)
	stop := make(chan struct{})
	wg := runWriters(db, l, stop)
	if rng.IntN(4) == 0 {
		l.waitFor(l.total() + uint64(rng.IntN(40)))
		if err := e.Flush(); err != nil {
			t.Error(err)
		}
	}
	l.waitFor(l.total() + uint64(rng.IntN(80)))
	acked := l.copyAcked()
	percent := rng.IntN(2) * 50
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
	close(stop)
	wg.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return crashed, acked
}

func (l *ledger) waitFor(total uint64) {
	for l.total() < total {
		runtime.Gosched()
	}
}

func (l *ledger) total() (n uint64) {
	for i := range l.acked {
		n += l.acked[i].Load()
	}
	return n
}

var powerRoot = store.MemoryRoot()

func powerLoss(t *testing.T, o pebble.Options, cycles int) (lost, torn int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(cycles)))
	l := newLedger(totalSlots)
	o.FS = vfs.NewCrashableMem()
	for range cycles {
		fs, acked := powerCycle(t, o, l, rng)
		o.FS = fs
		db, _ := mustOpen(t, "data", o, powerRoot)
		n, m, err := l.check(db, acked)
		if err != nil {
			t.Fatal(err)
		}
		lost, torn = lost+n, torn+m
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Log(describe("power loss", cycles, l.total()))
	return lost, torn
}

func TestPowerLoss(t *testing.T) {
	t.Parallel()
	lost, torn := powerLoss(t, pebble.Options{}, cycleCount(200))
	if lost != 0 || torn != 0 {
		t.Errorf("%d acknowledged writes lost, %d transactions torn; want none", lost, torn)
	}
}

func TestPowerLossControl(t *testing.T) {
	t.Parallel()
	lost, _ := powerLoss(t, pebble.NoSync(pebble.Options{}), 20)
	if lost == 0 {
		t.Error("an engine that never syncs has lost nothing: the test can't see a loss")
	}
}

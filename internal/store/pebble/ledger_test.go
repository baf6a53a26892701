package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// An entry is written twice in one transaction, once in each of two tables: if
// the two ever differ, a transaction was torn.
type entry struct {
	Slot, N uint64
	Pad     []byte
}

func entryKey(e *entry) store.Key { return store.K(e.Slot) }

var (
	entries = store.NewTable("test.entry", entryKey)
	twins   = store.NewTable("test.twin", entryKey, store.Unwatched[entry]())
)

// A ledger knows what the store may hold. The operations of a slot are numbered
// from 1; every fifth is a delete, the others write their number. A slot belongs
// to one writer.
type ledger struct {
	started, acked []atomic.Uint64
}

func newLedger(slots int) *ledger {
	return &ledger{started: make([]atomic.Uint64, slots), acked: make([]atomic.Uint64, slots)}
}

func deletes(n uint64) bool { return n%5 == 0 }

// step makes the slot's next operation.
func (l *ledger) step(ctx context.Context, db *store.DB, slot int) error {
	n := l.started[slot].Add(1)
	err := db.Update(ctx, func(tx *store.Tx) error { return operate(tx, uint64(slot), n) })
	if err == nil {
		l.acked[slot].Store(n)
	}
	return err
}

func operate(tx *store.Tx, slot, n uint64) error {
	for _, t := range []*store.Table[entry]{entries, twins} {
		var err error
		if deletes(n) {
			if err = t.Delete(tx, slot); errors.Is(err, store.ErrNotFound) {
				err = nil // the write before was refused
			}
		} else {
			err = t.Put(tx, &entry{Slot: slot, N: n, Pad: make([]byte, 100)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyAcked must be taken before the crash, and started be read after it.
func (l *ledger) copyAcked() []uint64 {
	out := make([]uint64, len(l.acked))
	for i := range out {
		out[i] = l.acked[i].Load()
	}
	return out
}

// check counts what the recovered store got wrong, and sets the ledger to what
// it holds.
func (l *ledger) check(db *store.DB, acked []uint64) (lost, torn int, err error) {
	err = db.View(context.Background(), func(tx *store.Tx) error {
		for slot := range acked {
			a, err := number(tx, entries, slot)
			if err != nil {
				return err
			}
			b, err := number(tx, twins, slot)
			if err != nil {
				return err
			}
			if a != b {
				torn++
			}
			if !possible(a, acked[slot], l.started[slot].Load()) {
				lost++
			}
			l.settle(slot, a)
		}
		return nil
	})
	return lost, torn, err
}

func number(tx *store.Tx, t *store.Table[entry], slot int) (uint64, error) {
	e, err := t.Get(tx, uint64(slot))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return e.N, nil
}

// possible reports whether a slot may hold n (0: nothing) when operations up to
// acked have taken effect and those up to started may have.
func possible(n, acked, started uint64) bool {
	if n != 0 {
		return acked <= n && n <= started
	}
	return acked == 0 || deletes(acked) || started/5 > acked/5
}

// settle numbers go on past all that was started; what the store holds is acked.
func (l *ledger) settle(slot int, n uint64) {
	last := l.started[slot].Load()
	if n == 0 {
		n = (last + 4) / 5 * 5
		last = n
	}
	l.acked[slot].Store(n)
	l.started[slot].Store(last)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openOn opens a store with a fixed root, as a restarted process does.
func openOn(dir string, o pebble.Options, root store.Root) (*store.DB, *pebble.Engine, error) {
	if o.Log == nil {
		o.Log = quiet()
	}
	e, err := pebble.Open(dir, o)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(e, store.Options{Root: root, Clock: clock.System{}})
	if err != nil {
		return nil, nil, errors.Join(err, e.Close())
	}
	return db, e, nil
}

func mustOpen(tb testing.TB, dir string, o pebble.Options, root store.Root) (*store.DB, *pebble.Engine) {
	tb.Helper()
	db, e, err := openOn(dir, o, root)
	if err != nil {
		tb.Fatal(err)
	}
	return db, e
}

func describe(kind string, cycles int, acked uint64) string {
	return fmt.Sprintf("%s: %d cycles, %d acknowledged operations", kind, cycles, acked)
}

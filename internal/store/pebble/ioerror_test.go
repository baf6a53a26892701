package pebble_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

var errInjected = errors.New("injected")

// A failNth lets the n-th operation that changes the disk fail, once.
type failNth struct {
	n    int64
	seen atomic.Int64
}

func (f *failNth) inject(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	if f.seen.Add(1) == f.n {
		return errInjected
	}
	return nil
}

// scriptErrors runs a fixed script, with an error at the n-th change of the disk,
// and reports whether the store ever opened.
func scriptErrors(fs vfs.FS, f *failNth, l *ledger, root store.Root) bool {
	o := pebble.Options{FS: errorfs.Wrap(fs, errorfs.InjectorFunc(f.inject)), Ballast: 1 << 20}
	db, e, err := openOn("data", o, root)
	if err != nil {
		return false
	}
	for i := range 120 {
		_ = l.step(context.Background(), db, i%len(l.started)) // what isn't acknowledged may fail
		if i%30 == 29 {
			_ = e.Flush()
		}
	}
	_ = db.Close()
	return true
}

func TestIOErrors(t *testing.T) {
	t.Parallel()
	root := store.MemoryRoot()
	count := &failNth{}
	scriptErrors(vfs.NewCrashableMem(), count, newLedger(totalSlots), root)
	total := count.seen.Load()
	t.Logf("the script changes the disk %d times", total)
	refused := 0
	for n := int64(1); n <= total; n++ {
		fs, l := vfs.NewCrashableMem(), newLedger(totalSlots)
		if !scriptErrors(fs, &failNth{n: n}, l, root) {
			refused++
		}
		acked := l.copyAcked()
		db, _ := mustOpen(t, "data", pebble.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})}, root)
		lost, torn, err := l.check(db, acked)
		if err != nil || lost != 0 || torn != 0 {
			t.Errorf("error at change %d: %d acknowledged writes lost, %d torn, %v", n, lost, torn, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d errors came before the store had opened", refused, total)
}

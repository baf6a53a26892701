package lastuse_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

var (
	begin = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	key   = lastuse.Thing{Kind: lastuse.AccessKey, Account: "111122223333", ID: "AKIAEXAMPLE"}
)

type rig struct {
	db    *store.DB
	clock *clock.Fake
}

func newRig(t testing.TB) *rig {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{clock: clock.NewFake(begin)}
	if r.db, err = store.Open(e, store.Options{Root: store.MemoryRoot(), Clock: r.clock, Rehearse: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return r
}

// recorder is one of those that work on the rig's store.
func (r *rig) recorder() *lastuse.Recorder {
	return lastuse.New(lastuse.Config{DB: r.db, Clock: r.clock, Kept: map[string]time.Duration{lastuse.Permission: time.Hour}})
}

func (r *rig) last(t *testing.T, from *lastuse.Recorder, thing lastuse.Thing) (u lastuse.Use, ok bool) {
	t.Helper()
	if err := r.db.View(t.Context(), func(tx *store.Tx) (err error) {
		u, ok, err = from.Last(tx, thing)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return u, ok
}

func keep(t *testing.T, r *lastuse.Recorder) {
	t.Helper()
	if err := r.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func use(minutes int, service string) lastuse.Use {
	return lastuse.Use{At: begin.Add(time.Duration(minutes) * time.Minute), Service: service, Operation: "Do", Region: "us-east-1"}
}

func TestLast(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	if u, ok := w.last(t, r, key); ok {
		t.Errorf("never used: %+v", u)
	}
	r.Note(key, use(1, "kms"))
	if u, ok := w.last(t, r, key); !ok || u != use(1, "kms") {
		t.Errorf("noted: %+v, %v", u, ok)
	}
	keep(t, r)
	if u, ok := w.last(t, w.recorder(), key); !ok || u != use(1, "kms") {
		t.Errorf("kept, another process reads %+v, %v", u, ok)
	}
	r.Note(key, use(3, "sts"))
	r.Note(key, use(2, "iam"))
	if u, _ := w.last(t, r, key); u.Service != "sts" {
		t.Errorf("after a use that came late: %+v, want the newest", u)
	}
}

// TestOldNoteLoses shows that a process that is behind takes nothing back.
func TestOldNoteLoses(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	ahead, behind := w.recorder(), w.recorder()
	behind.Note(key, use(1, "iam"))
	ahead.Note(key, use(2, "kms"))
	keep(t, ahead)
	keep(t, behind)
	for _, r := range []*lastuse.Recorder{ahead, behind} {
		if u, _ := w.last(t, r, key); u.Service != "kms" {
			t.Errorf("last = %+v, want the newest", u)
		}
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	who := lastuse.Thing{Kind: lastuse.Permission, Account: "111122223333", ID: "AIDAEXAMPLE"}
	with := func(detail string) lastuse.Thing {
		who.Detail = detail
		return who
	}
	r.Note(with("kms:Sign"), use(1, "kms"))
	r.Note(with("kms:Verify"), use(1, "kms"))
	keep(t, r)
	r.Note(with("kms:Sign"), use(2, "kms"))
	r.Note(with("iam:GetUser"), use(3, "iam"))
	r.Note(key, use(4, "sts"))
	all := func() (out map[string]lastuse.Use) {
		if err := w.db.View(t.Context(), func(tx *store.Tx) (err error) {
			out, err = r.All(tx, who)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := all(); len(got) != 3 || got["kms:Sign"] != use(2, "kms") || got["kms:Verify"] != use(1, "kms") || got["iam:GetUser"] != use(3, "iam") {
		t.Errorf("all = %+v", got)
	}
	keep(t, r)
	w.clock.Advance(62*time.Minute + time.Second) // what is kept for an hour
	if got := all(); len(got) != 1 || got["iam:GetUser"] != use(3, "iam") {
		t.Errorf("after an hour: %+v, want the newest alone", got)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	r.Note(key, use(1, "kms"))
	keep(t, r)
	r.Note(key, use(2, "kms"))
	for range 2 {
		if err := w.db.Update(t.Context(), func(tx *store.Tx) error { return r.Forget(tx, key) }); err != nil {
			t.Fatal(err)
		}
	}
	keep(t, r)
	if u, ok := w.last(t, r, key); ok {
		t.Errorf("forgotten: %+v", u)
	}
}

// TestRun shows that notes are kept each minute, and once more at the end.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.Note(key, use(1, "kms"))
	for _, kept := w.last(t, w.recorder(), key); !kept; _, kept = w.last(t, w.recorder(), key) {
		w.clock.Advance(time.Minute) // until Run has waited for one of them
	}
	r.Note(key, use(2, "sts"))
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if u, _ := w.last(t, w.recorder(), key); u.Service != "sts" {
		t.Errorf("after the end: %+v, want the last use", u)
	}
}

// TestCrowd shows that Run does not wait for its minute when notes crowd, and
// that none is lost at a rate that it can keep up with.
func TestCrowd(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var wg sync.WaitGroup
	const callers, each = 4, 2000
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				r.Note(lastuse.Thing{Kind: "test", ID: fmt.Sprintf("%d-%d", c, i)}, use(i, "kms"))
			}
		})
	}
	wg.Wait()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for c := range callers {
		for i := range each {
			thing := lastuse.Thing{Kind: "test", ID: fmt.Sprintf("%d-%d", c, i)}
			if u, ok := w.last(t, w.recorder(), thing); !ok || u != use(i, "kms") {
				t.Fatalf("%s: %+v, %v", thing.ID, u, ok)
			}
		}
	}
}

// TestBounded shows that notes which nobody keeps take no more room than allowed.
func TestBounded(t *testing.T) {
	t.Parallel()
	w := newRig(t)
	r := w.recorder()
	for i := range 80_000 {
		r.Note(lastuse.Thing{Kind: "test", ID: fmt.Sprint(i)}, use(1, "kms"))
	}
	keep(t, r)
	n := 0
	for i := 0; i < 80_000; i += 20 {
		if _, ok := w.last(t, r, lastuse.Thing{Kind: "test", ID: fmt.Sprint(i)}); ok {
			n++
		}
	}
	if n < 3000 || n > 3700 {
		t.Errorf("%d of 4,000 notes were held, want those that 65,536 of 80,000 are", n)
	}
}

func BenchmarkNote(b *testing.B) {
	r := newRig(b).recorder()
	u := use(1, "kms")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Note(key, u)
		}
	})
}

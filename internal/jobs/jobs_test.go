package jobs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

type task struct {
	Name string
	Due  time.Time
}

var tasks = store.NewTable("jobs.task", func(t *task) store.Key { return store.K(t.Name) },
	store.Index("due", func(t *task) []store.Key { return []store.Key{store.K(t.Due)} }))

func openDB(t *testing.T, c clock.Clock) *store.DB {
	t.Helper()
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: c, Name: "jobs"})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func plan(t *testing.T, db *store.DB, name string, due time.Time) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return tasks.Put(tx, &task{name, due}) }); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// TestDutyAtItsTime plans three tasks, one of them while the worker sleeps, and sees
// each done at its time and in their order.
func TestDutyAtItsTime(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(noon)
	db := openDB(t, fake)
	defer db.Close()
	done := make(chan string, 3)
	w := jobs.New(fake, jobs.Duty[task]{
		DB: db, Clock: fake, Table: tasks, Index: "due", At: dueOf,
		Do: func(ctx context.Context, row *task) error {
			done <- row.Name
			return db.Update(ctx, func(tx *store.Tx) error { return tasks.Delete(tx, row.Name) })
		},
	}.Job())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	plan(t, db, "late", noon.Add(2*time.Hour))
	plan(t, db, "now", noon)
	go func() { ended <- w.Run(ctx) }()
	if got := <-done; got != "now" {
		t.Errorf("first = %s, want what is due now", got)
	}
	plan(t, db, "soon", noon.Add(time.Hour))
	w.Wake()
	fake.Advance(2 * time.Hour)
	if got := []string{<-done, <-done}; !slices.Equal(got, []string{"soon", "late"}) {
		t.Errorf("then = %v, want soon and late", got)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want %v", err, context.Canceled)
	}
}

// TestFullDiskIsWaitedFor fails a job by a full disk, and then for good.
func TestFullDiskIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin, tried := clock.System{}.Now(), 0
		broken := errors.New("broken")
		w := jobs.New(clock.System{}, func(context.Context) (time.Time, error) {
			if tried++; tried < 3 {
				return time.Time{}, store.ErrFull
			}
			return time.Time{}, broken
		})
		if err := w.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run = %v, want %v", err, broken)
		}
		if waited := (clock.System{}).Now().Sub(begin); waited != 2*time.Minute {
			t.Errorf("it waited %v for space, want twice a minute", waited)
		}
	})
}

// TestDoTellsTheNextTime asks three jobs of which one has no plan.
func TestDoTellsTheNextTime(t *testing.T) {
	t.Parallel()
	at := func(next time.Time) jobs.Job {
		return func(context.Context) (time.Time, error) { return next, nil }
	}
	w := jobs.New(clock.NewFake(noon), at(noon.Add(2*time.Hour)), at(time.Time{}), at(noon.Add(time.Hour)))
	if next, err := w.Do(t.Context()); err != nil || !next.Equal(noon.Add(time.Hour)) {
		t.Errorf("Do = %v, %v; want %v", next, err, noon.Add(time.Hour))
	}
}

func dueOf(t *task) time.Time { return t.Due }

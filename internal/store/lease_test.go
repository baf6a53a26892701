package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A holder that was paused past its lease finds that its writes are refused, even
// if it never learnt that it had lost the lease.
func TestLeaseFencesPausedHolder(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(start)
	db := openMemory(t, store.Options{Clock: fake, Rehearse: true})
	rows := store.NewTable("test.row", smallKey)
	put := func(l *store.Lease, body string) error {
		return db.Update(t.Context(), func(tx *store.Tx) error {
			_ = tx.Require(l) // a job that forgets to look at the error is stopped too
			return rows.Put(tx, &small{Account: "1", Name: "job", Body: []byte(body)})
		})
	}
	var paused *store.Lease
	for round := range 200 {
		holder, err := db.Acquire(t.Context(), "job", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := holder.Epoch(), uint64(round+1); got != want {
			t.Fatalf("epoch = %d, want %d", got, want)
		}
		if err := put(holder, "holder"); err != nil {
			t.Fatalf("the holder's write: %v", err)
		}
		if paused != nil {
			if err := put(paused, "paused"); !errors.Is(err, store.ErrFenced) {
				t.Fatalf("the paused holder's write = %v, want ErrFenced", err)
			}
			if err := paused.Renew(t.Context()); !errors.Is(err, store.ErrFenced) {
				t.Fatalf("the paused holder's renewal = %v, want ErrFenced", err)
			}
			if err := paused.Release(t.Context()); err != nil {
				t.Fatalf("the paused holder's release: %v", err)
			}
		}
		paused = holder
		fake.Advance(time.Second)
	}
}

func TestLeaseWaitsRenewsAndPassesOn(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(start)
	db := openMemory(t, store.Options{Clock: fake})
	first, err := db.Acquire(t.Context(), "job", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Acquire(ctx, "job", time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire of a held lease = %v, want to wait until ctx ends", err)
	}
	fake.Advance(50 * time.Second)
	if err := first.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	fake.Advance(50 * time.Second)
	if _, err := db.Acquire(ctx, "job", time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire of a renewed lease = %v, want to wait", err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Acquire(t.Context(), "job", time.Minute); err != nil {
		t.Errorf("acquire of a released lease: %v", err)
	}
}

// Run sweeps what has expired and ends with its context.
func TestRunSweeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openMemory(t, store.Options{Clock: clock.System{}})
		items := newItems()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			for _, name := range []string{"a", "b", "c"} {
				i := &item{Account: "1", Name: name, Alias: name, Tags: []string{"x"}, Ends: tx.Now().Add(time.Minute)}
				if name == "c" {
					i.Ends = time.Time{}
				}
				if err := items.Insert(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- db.Run(ctx) }()
		if err := clock.Sleep(t.Context(), clock.System{}, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		rows, entries, expiries := store.Count(t.Context(), db, "test.item")
		if rows != 1 || entries != 2 || expiries != 0 {
			t.Errorf("%d rows, %d index and %d expiry entries are left; want 1, 2, 0", rows, entries, expiries)
		}
	})
}

// Rows with many index entries are swept too, though a batch of them is more
// than a transaction may remove.
func TestSweepOfManyIndexEntries(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(start)
	db := openMemory(t, store.Options{Clock: fake})
	items := newItems()
	tags := make([]string, 40)
	for n := range tags {
		tags[n] = fmt.Sprint(n)
	}
	for n := range 400 {
		i := &item{Account: "1", Name: fmt.Sprint(n), Tags: tags, Ends: start.Add(time.Second)}
		if err := db.Append(t.Context(), func(tx *store.Tx) error { return items.Insert(tx, i) }); err != nil {
			t.Fatal(err)
		}
	}
	fake.Advance(time.Second)
	if err := store.Sweep(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if rows, entries, expiries := store.Count(t.Context(), db, "test.item"); rows+entries+expiries != 0 {
		t.Errorf("%d rows, %d index and %d expiry entries are left", rows, entries, expiries)
	}
}

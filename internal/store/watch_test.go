package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/internal/store"
)

const watchWriters, watchEach = 16, 200

// Sixteen writers, one watcher from the start and one that leaves and comes back
// at each event: both must see each change once, in the order of the commits.
func TestWatchMissesNothing(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows, other := store.NewTable("test.row", smallKey), store.NewTable("test.other", smallKey)
	from := db.Rev()
	var wg sync.WaitGroup
	for w := range watchWriters {
		wg.Go(func() {
			for n := range watchEach {
				err := db.Update(t.Context(), func(tx *store.Tx) error {
					row := &small{Account: "1", Name: fmt.Sprintf("%d/%d", w, n)}
					return errors.Join(rows.Put(tx, row), other.Put(tx, row))
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	steady := watch(t, db, from, false)
	leaving := watch(t, db, from, true)
	wg.Wait()
	for i := range steady {
		if steady[i].Key.String() != leaving[i].Key.String() || steady[i].Rev != leaving[i].Rev {
			t.Fatalf("event %d: one watcher sees %v, the other %v", i, steady[i], leaving[i])
		}
	}
}

func watch(t *testing.T, db *store.DB, from store.Rev, leave bool) []store.Event {
	t.Helper()
	const want = watchWriters * watchEach
	var got []store.Event
	next := map[int]int{}
	for len(got) < want {
		for e, err := range db.Watch(t.Context(), "test.row", from) {
			if err != nil {
				t.Fatal(err)
			}
			var account string
			var w, n int
			if _, err := fmt.Sscanf(e.Key.String(), "%1s/%d/%d", &account, &w, &n); err != nil {
				t.Fatalf("event for %s: %v", e.Key, err)
			}
			if n != next[w] || e.Table != "test.row" || e.Op != store.Written {
				t.Fatalf("event %+v of writer %d: number %d, want %d", e, w, n, next[w])
			}
			if e.Rev.Compare(from) <= 0 && leave {
				t.Fatalf("event at %v after a watch from %v", e.Rev, from)
			}
			next[w]++
			got = append(got, e)
			if leave {
				from = e.Rev
			}
			if leave || len(got) == want {
				break
			}
		}
	}
	return got
}

func TestWatchTellsThatItIsTooLate(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows := store.NewTable("test.row", smallKey)
	put := func(name string) {
		err := db.Update(t.Context(), func(tx *store.Tx) error { return rows.Put(tx, &small{Name: name}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	from := db.Rev()
	for n := range 20 {
		put(fmt.Sprint(n))
	}
	if err := db.TrimLog(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	for _, err := range db.Watch(t.Context(), "", from) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watch from before the cut = %v, want ErrCompacted", err)
		}
		break
	}
	at := db.Rev()
	put("new")
	for e, err := range db.Watch(t.Context(), "", at) {
		if err != nil || e.Key.String() != "/new" {
			t.Errorf("watch after the cut = %+v, %v", e, err)
		}
		break
	}
}

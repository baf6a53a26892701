package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// An item is a row with everything a table can have.
type item struct {
	Account, Name string
	Tags          []string
	Alias         string
	Body          []byte
	Ends          time.Time
}

func itemOptions() []store.Option[item] {
	return []store.Option[item]{
		store.Index("tag", func(i *item) []store.Key {
			var out []store.Key
			for _, t := range i.Tags {
				out = append(out, store.K(i.Account, t))
			}
			return out
		}),
		store.UniqueIndex("alias", func(i *item) []store.Key {
			if i.Alias == "" {
				return nil
			}
			return []store.Key{store.K(i.Account, i.Alias)}
		}),
		store.Expires(func(i *item) time.Time { return i.Ends }),
	}
}

func newItems(more ...store.Option[item]) *store.Table[item] {
	return store.NewTable("test.item", func(i *item) store.Key { return store.K(i.Account, i.Name) }, append(itemOptions(), more...)...)
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openMemory(tb testing.TB, o store.Options) *store.DB {
	tb.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		tb.Fatal(err)
	}
	if o.Root == nil {
		o.Root = store.MemoryRoot()
	}
	if o.Clock == nil {
		o.Clock = clock.NewFake(start)
	}
	db, err := store.Open(e, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func TestTableBasics(t *testing.T) {
	t.Parallel()
	items := newItems()
	fake := clock.NewFake(start)
	db := openMemory(t, store.Options{Clock: fake, Rehearse: true})
	update := func(fn func(tx *store.Tx) error) error { return db.Update(t.Context(), fn) }
	a := &item{Account: "1", Name: "a", Tags: []string{"x", "y"}, Alias: "first", Body: []byte("b")}
	if err := update(func(tx *store.Tx) error { return items.Insert(tx, a) }); err != nil {
		t.Fatal(err)
	}
	if err := update(func(tx *store.Tx) error { return items.Insert(tx, a) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("second insert = %v, want ErrExists", err)
	}
	b := &item{Account: "1", Name: "b", Tags: []string{"y"}, Alias: "first"}
	if err := update(func(tx *store.Tx) error { return items.Insert(tx, b) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("insert of a taken alias = %v, want ErrExists", err)
	}
	b.Alias, b.Ends = "second", start.Add(time.Hour)
	if err := update(func(tx *store.Tx) error { return items.Put(tx, b) }); err != nil {
		t.Fatal(err)
	}
	names := func(r store.Range, index string) (out string) {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			seq := items.Scan(tx, r)
			if index != "" {
				seq = items.ScanIndex(tx, index, r)
			}
			for row, err := range seq {
				if err != nil {
					return err
				}
				out += row.Name
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return out
	}
	for _, tt := range []struct {
		r     store.Range
		index string
		want  string
	}{
		{store.Range{}, "", "ab"},
		{store.Range{Reverse: true}, "", "ba"},
		{store.Range{Prefix: store.K("1"), After: store.K("1", "a")}, "", "b"},
		{store.Range{Prefix: store.K("1"), After: store.K("1", "b"), Reverse: true}, "", "a"},
		{store.Range{Prefix: store.K("2")}, "", ""},
		{store.Range{Limit: 1}, "", "a"},
		{store.Range{Prefix: store.K("1", "y")}, "tag", "ab"},
		{store.Range{Prefix: store.K("1", "y"), After: items.IndexAfter(store.K("1", "y"), a)}, "tag", "b"},
		{store.Range{Prefix: store.K("1"), After: store.K("1", "x")}, "tag", "ab"},
		{store.Range{Prefix: store.K("1"), Reverse: true}, "tag", "baa"},
		{store.Range{Prefix: store.KPrefix("1", "sec")}, "alias", "b"},
	} {
		if got := names(tt.r, tt.index); got != tt.want {
			t.Errorf("scan %+v of index %q = %q, want %q", tt.r, tt.index, got, tt.want)
		}
	}
	fake.Advance(time.Hour)
	if got := names(store.Range{}, ""); got != "a" {
		t.Errorf("after expiry the table holds %q, want a", got)
	}
	c := &item{Account: "1", Name: "c", Alias: "second"}
	if err := update(func(tx *store.Tx) error { return items.Insert(tx, c) }); err != nil {
		t.Errorf("an alias held by an expired row: %v", err)
	}
	err := db.View(t.Context(), func(tx *store.Tx) error { return items.Put(tx, c) })
	if !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("put in a View = %v, want ErrReadOnly", err)
	}
}

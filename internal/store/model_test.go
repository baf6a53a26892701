package store_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

var modelOps = flag.Int("store.ops", 6000, "operations of the differential test")

// A model is what a table should be: a map, read by sorting.
type model map[[2]string]item

func (m model) live(now time.Time) (out []item) {
	for _, i := range m {
		if i.Ends.IsZero() || i.Ends.After(now) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b item) int { return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name)) })
	return out
}

func (m model) get(now time.Time, account, name string) (item, bool) {
	i, ok := m[[2]string{account, name}]
	return i, ok && (i.Ends.IsZero() || i.Ends.After(now))
}

func (m model) aliasTaken(now time.Time, by item) bool {
	return by.Alias != "" && slices.ContainsFunc(m.live(now), func(o item) bool {
		return o.Account == by.Account && o.Alias == by.Alias && o.Name != by.Name
	})
}

// write applies what the store is asked to do, and says what it should answer.
func (m model) write(now time.Time, op string, i item) error {
	_, there := m.get(now, i.Account, i.Name)
	switch {
	case op == "delete" && !there:
		return store.ErrNotFound
	case op == "delete":
		delete(m, [2]string{i.Account, i.Name})
		return nil
	case op == "insert" && there, m.aliasTaken(now, i):
		return store.ErrExists
	}
	m[[2]string{i.Account, i.Name}] = i
	return nil
}

type differ struct {
	t     *testing.T
	rng   *rand.Rand
	clock *clock.Fake
	db    *store.DB
	items *store.Table[item]
	model model
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func (d *differ) item() item {
	i := item{Account: pick(d.rng, "1", "2", ""), Name: fmt.Sprint(pick(d.rng, "a", "b\x00", "\xffc"), d.rng.IntN(8))}
	for range d.rng.IntN(3) {
		i.Tags = append(i.Tags, pick(d.rng, "x", "y", "yy"))
	}
	slices.Sort(i.Tags)
	i.Tags = slices.Compact(i.Tags)
	i.Alias = pick(d.rng, "", "", "p", "q", "r")
	i.Body = []byte(fmt.Sprint(d.rng.Uint64()))
	if d.rng.IntN(3) == 0 {
		i.Ends = d.clock.Now().Add(time.Duration(d.rng.IntN(50)) * time.Second)
	}
	return i
}

// step makes one transaction of some writes on both, which commits or not.
func (d *differ) step() {
	type write struct {
		op string
		i  item
	}
	var writes []write
	for range 1 + d.rng.IntN(3) {
		writes = append(writes, write{pick(d.rng, "insert", "put", "put", "delete"), d.item()})
	}
	giveUp := d.rng.IntN(8) == 0
	next := maps.Clone(d.model)
	var want error
	for _, w := range writes {
		if want = next.write(d.clock.Now(), w.op, w.i); want != nil {
			break
		}
	}
	errGaveUp := errors.New("gave up")
	if want == nil && giveUp {
		want = errGaveUp
	}
	got := d.db.Update(d.t.Context(), func(tx *store.Tx) error {
		for _, w := range writes {
			if err := d.apply(tx, w.op, w.i); err != nil {
				return err
			}
		}
		if giveUp {
			return errGaveUp
		}
		return nil
	})
	if !errors.Is(got, want) {
		d.t.Fatalf("%+v = %v, want %v", writes, got, want)
	}
	if want == nil {
		d.model = next
	}
}

func (d *differ) apply(tx *store.Tx, op string, i item) error {
	switch op {
	case "insert":
		return d.items.Insert(tx, &i)
	case "put":
		return d.items.Put(tx, &i)
	}
	return d.items.Delete(tx, i.Account, i.Name)
}

func collect(seq iter.Seq2[*item, error]) (out []item, err error) {
	for i, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, *i)
	}
	return out, nil
}

// compare reads a random range by key and one by index from both.
func (d *differ) compare() {
	account, tag := pick(d.rng, "1", "2", ""), pick(d.rng, "x", "y", "yy")
	reverse, limit := d.rng.IntN(2) == 0, d.rng.IntN(6)
	after := d.item()
	var want, wantTagged []item
	for _, i := range d.model.live(d.clock.Now()) {
		past := cmp.Compare(i.Name, after.Name) > 0
		if reverse {
			past = cmp.Compare(i.Name, after.Name) < 0
		}
		if i.Account == account && past {
			want = append(want, i)
		}
		if i.Account == account && slices.Contains(i.Tags, tag) {
			wantTagged = append(wantTagged, i)
		}
	}
	err := d.db.View(d.t.Context(), func(tx *store.Tx) error {
		r := store.Range{Prefix: store.K(account), After: store.K(account, after.Name), Reverse: reverse, Limit: limit}
		got, err := collect(d.items.Scan(tx, r))
		d.same("scan", got, cutTo(want, reverse, limit))
		if err != nil {
			return err
		}
		got, err = collect(d.items.ScanIndex(tx, "tag", store.Range{Prefix: store.K(account, tag), Reverse: reverse, Limit: limit}))
		d.same("index", got, cutTo(wantTagged, reverse, limit))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func cutTo(items []item, reverse bool, limit int) []item {
	items = slices.Clone(items)
	if reverse {
		slices.Reverse(items)
	}
	if limit > 0 && limit < len(items) {
		items = items[:limit]
	}
	return items
}

func (d *differ) same(what string, got, want []item) {
	d.t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		d.t.Fatalf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(start)
	d := &differ{
		t: t, rng: rand.New(rand.NewPCG(7, 7)), clock: fake, model: model{},
		items: newItems(store.Cached[item](16)),
		db:    openMemory(t, store.Options{Clock: fake, Rehearse: true}),
	}
	for n := range *modelOps {
		d.step()
		if n%3 == 0 {
			d.compare()
		}
		if n%20 == 0 {
			fake.Advance(time.Duration(d.rng.IntN(10)) * time.Second)
		}
		if n%200 == 0 {
			if err := store.Sweep(t.Context(), d.db); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Once all that can expire has, and is swept, what lies in the store must be
	// the live rows and their entries, and nothing else.
	fake.Advance(time.Hour)
	if err := store.Sweep(t.Context(), d.db); err != nil {
		t.Fatal(err)
	}
	wantEntries := 0
	live := d.model.live(fake.Now())
	for _, i := range live {
		wantEntries += len(i.Tags)
		if i.Alias != "" {
			wantEntries++
		}
	}
	rows, entries, expiries := store.Count(t.Context(), d.db, "test.item")
	if rows != len(live) || entries != wantEntries || expiries != 0 {
		t.Errorf("the store holds %d rows, %d index and %d expiry entries; want %d, %d, 0", rows, entries, expiries, len(live), wantEntries)
	}
	if err := d.db.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

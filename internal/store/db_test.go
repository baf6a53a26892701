package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows := store.NewTable("test.row", smallKey)
	put := func(row *small) func(tx *store.Tx) error {
		return func(tx *store.Tx) error { return rows.Put(tx, row) }
	}
	for _, tt := range []struct {
		name string
		fn   func(tx *store.Tx) error
		want error
	}{
		{"a key of 2 KiB", put(&small{Name: strings.Repeat("k", store.MaxKey-4)}), nil},
		{"a longer key", put(&small{Name: strings.Repeat("k", store.MaxKey)}), store.ErrTooLarge},
		{"a value of nearly 1 MiB", put(&small{Body: make([]byte, store.MaxValue-100)}), nil},
		{"a larger value", put(&small{Body: make([]byte, store.MaxValue)}), store.ErrTooLarge},
		{"too many bytes, the error passed over", func(tx *store.Tx) error {
			for n := range 10 {
				_ = rows.Put(tx, &small{Name: fmt.Sprint("big", n), Body: make([]byte, store.MaxValue-100)})
			}
			return nil
		}, store.ErrTooLarge},
		{"too many keys", func(tx *store.Tx) error {
			for n := range store.MaxTxKeys + 1 {
				if err := rows.Put(tx, &small{Name: fmt.Sprint("many", n)}); err != nil {
					return err
				}
			}
			return nil
		}, store.ErrTooLarge},
	} {
		if err := db.Update(t.Context(), tt.fn); !errors.Is(err, tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, err, tt.want)
		}
	}
	err := db.View(t.Context(), func(tx *store.Tx) error { _, err := rows.Get(tx, "", "big0"); return err })
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a row of a refused transaction = %v, want ErrNotFound", err)
	}
}

func TestBeforeCommitJoinsTheTransaction(t *testing.T) {
	t.Parallel()
	rows, audit := store.NewTable("test.row", smallKey), store.NewTable("test.audit", smallKey)
	refuse := errors.New("no audit, no write")
	var refusing bool
	db := openMemory(t, store.Options{Rehearse: true, BeforeCommit: func(_ context.Context, tx *store.Tx) error {
		if refusing {
			return refuse
		}
		return audit.Put(tx, &small{Name: "event"})
	}})
	put := func(tx *store.Tx) error { return rows.Put(tx, &small{Name: "row"}) }
	get := func(table *store.Table[small], name string) error {
		return db.View(t.Context(), func(tx *store.Tx) error { _, err := table.Get(tx, "", name); return err })
	}
	refusing = true
	if err := db.Update(t.Context(), put); !errors.Is(err, refuse) {
		t.Errorf("update = %v, want the hook's error", err)
	}
	if err := get(rows, "row"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a row without its event = %v, want ErrNotFound", err)
	}
	refusing = false
	if err := errors.Join(db.Update(t.Context(), put), get(rows, "row"), get(audit, "event")); err != nil {
		t.Error(err)
	}
}

func TestPanicLetsTheNextWriterIn(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows := store.NewTable("test.row", smallKey)
	func() {
		defer func() { _ = recover() }()
		_ = db.Update(t.Context(), func(tx *store.Tx) error { _ = rows.Put(tx, &small{Name: "a"}); panic("bug") })
	}()
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return rows.Insert(tx, &small{Name: "a"}) }); err != nil {
		t.Errorf("the write after a panic = %v", err)
	}
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{Rehearse: true})
	for n := range 5 {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.Emit("eu-west-1", []byte{byte(n)}), tx.Emit("us-east-1", nil))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return errors.Join(tx.Ack("eu-west-1", 1), tx.Ack("eu-west-1", 1)) }); err != nil {
		t.Fatal(err)
	}
	got, err := db.Outbox(t.Context(), "eu-west-1", 2, 2)
	if err != nil || fmt.Sprint(got) != "[{eu-west-1 3 [2]} {eu-west-1 4 [3]}]" {
		t.Errorf("outbox past 2, at most 2 = %v, %v", got, err)
	}
	got, err = db.Outbox(t.Context(), "eu-west-1", 0, 0)
	if err != nil || len(got) != 4 || got[0].Seq != 2 {
		t.Errorf("outbox after an acknowledgement = %v, %v", got, err)
	}
}

func TestAppendIsVisibleAtOnceAndDurableAfterSync(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows := store.NewTable("test.row", smallKey)
	for n := range 10 {
		name := fmt.Sprint(n)
		err := errors.Join(
			db.Append(t.Context(), func(tx *store.Tx) error { return rows.Insert(tx, &small{Name: name}) }),
			db.View(t.Context(), func(tx *store.Tx) error { _, err := rows.Get(tx, "", name); return err }))
		if err != nil {
			t.Fatal(err)
		}
	}
	if s := db.Stats(); s.Durable.Compare(s.Applied) >= 0 {
		t.Errorf("before Sync: durable %v, applied %v; want it behind", s.Durable, s.Applied)
	}
	if err := db.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := db.Stats(); s.Durable != s.Applied {
		t.Errorf("after Sync: durable %v, applied %v", s.Durable, s.Applied)
	}
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	root := store.MemoryRoot()
	db := openMemory(t, store.Options{Root: root})
	items := newItems()
	for n := range 2000 {
		err := db.Append(t.Context(), func(tx *store.Tx) error {
			return items.Put(tx, &item{Account: "1", Name: fmt.Sprint(n), Tags: []string{"x"}, Body: bytes.Repeat([]byte{byte(n)}, 400)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var backup bytes.Buffer
	if _, err := db.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(t, restored(t, backup.Bytes(), root), items), contents(t, db, items); got != want {
		t.Error("the restored store differs")
	}
	for _, bad := range [][]byte{nil, backup.Bytes()[:backup.Len()-1], backup.Bytes()[:backup.Len()/2], append([]byte("x"), backup.Bytes()...)} {
		if err := restoreInto(t, bad); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("restore of %d bytes of %d = %v, want ErrCorrupt", len(bad), backup.Len(), err)
		}
	}
	for at := 0; at < backup.Len(); at += backup.Len()/97 + 1 {
		bad := bytes.Clone(backup.Bytes())
		bad[at] ^= 1
		if err := restoreInto(t, bad); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("restore with byte %d changed = %v, want ErrCorrupt", at, err)
		}
	}
	if err := store.Restore(t.Context(), db.Engine(), bytes.NewReader(backup.Bytes())); !errors.Is(err, store.ErrExists) {
		t.Errorf("restore over a store = %v, want ErrExists", err)
	}
}

func restoreInto(t *testing.T, backup []byte) error {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	return errors.Join(store.Restore(t.Context(), e, bytes.NewReader(backup)), e.Close())
}

func restored(t *testing.T, backup []byte, root store.Root) *store.DB {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(t.Context(), e, bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(e, store.Options{Root: root, Clock: clock.NewFake(start)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func contents(t *testing.T, db *store.DB, items *store.Table[item]) string {
	t.Helper()
	var out string
	err := db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := collect(items.Scan(tx, store.Range{}))
		if err != nil {
			return err
		}
		tagged, err := collect(items.ScanIndex(tx, "tag", store.Range{}))
		out = fmt.Sprint(rows, tagged)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCacheNeverServesAnOldRow(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{})
	rows := store.NewTable("test.row", smallKey, store.Cached[small](4))
	for n := range 100 {
		for name := range 6 {
			row := &small{Name: fmt.Sprint(name), Body: []byte(fmt.Sprint(n))}
			if err := db.Update(t.Context(), func(tx *store.Tx) error { return rows.Put(tx, row) }); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err := db.View(t.Context(), func(tx *store.Tx) error {
					got, err := rows.Get(tx, "", fmt.Sprint(name))
					if err == nil && string(got.Body) != fmt.Sprint(n) {
						t.Fatalf("row %d = %s, want %d", name, got.Body, n)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestCodecUpgrades(t *testing.T) {
	t.Parallel()
	type named struct{ Name string }
	db := openMemory(t, store.Options{})
	old := store.NewTable("test.row", smallKey)
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return old.Put(tx, &small{Name: "a"}) }); err != nil {
		t.Fatal(err)
	}
	again := restoredAs(t, db)
	v2 := store.NewTable("test.row", smallKey, store.Codec(2, func(_ uint8, body []byte) (*small, error) {
		var n named
		err := store.Decode(body, &n)
		return &small{Name: n.Name, Body: []byte("upgraded")}, err
	}))
	err := again.View(t.Context(), func(tx *store.Tx) error {
		row, err := v2.Get(tx, "", "a")
		if err == nil && string(row.Body) != "upgraded" {
			t.Errorf("body = %q, want upgraded", row.Body)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Update(t.Context(), func(tx *store.Tx) error { return v2.Put(tx, &small{Name: "a"}) }); err != nil {
		t.Fatal(err)
	}
	back := restoredAs(t, again)
	err = back.View(t.Context(), func(tx *store.Tx) error { _, err := old.Get(tx, "", "a"); return err })
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("a row of a later codec = %v, want ErrNewer", err)
	}
}

// restoredAs is the store as another program version opens it.
func restoredAs(t *testing.T, db *store.DB) *store.DB {
	t.Helper()
	var backup bytes.Buffer
	if _, err := db.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	return restored(t, backup.Bytes(), db.Root())
}

package store_test

import (
	"errors"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

type note struct{ Account, ID, Text string }

var notes = store.NewTable("test.note", func(n *note) store.Key { return store.K(n.Account, n.ID) })

// TestAddAndDrop stores a row without a look, and deletes it without one.
func TestAddAndDrop(t *testing.T) {
	t.Parallel()
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: clock.System{}, Rehearse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	get := func() (n *note, err error) {
		err = db.View(t.Context(), func(tx *store.Tx) error {
			n, err = notes.Get(tx, "a", "1")
			return err
		})
		return n, err
	}
	drop := func(tx *store.Tx) error { return notes.Drop(tx, "a", "1") }
	if err := db.Update(t.Context(), drop); err != nil {
		t.Fatalf("drop of nothing = %v, want none", err)
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error { return notes.Add(tx, &note{"a", "1", "text"}) })
	if err != nil {
		t.Fatal(err)
	}
	if n, err := get(); err != nil || n.Text != "text" {
		t.Errorf("added row = %v, %v", n, err)
	}
	if err := db.View(t.Context(), drop); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("drop in a View = %v, want %v", err, store.ErrReadOnly)
	}
	if err := db.Update(t.Context(), drop); err != nil {
		t.Fatal(err)
	}
	if _, err := get(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("dropped row = %v, want %v", err, store.ErrNotFound)
	}
}

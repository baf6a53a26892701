package store_test

import (
	"fmt"
	"testing"

	"github.com/garrison-cloud/garrison/internal/store"
)

// TestDestinations lists by prefix, and goes on naming those whose messages are gone.
func TestDestinations(t *testing.T) {
	t.Parallel()
	db := openMemory(t, store.Options{Rehearse: true})
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, dest := range []string{"relay/b/t", "mail", "relay/a/t", "relay/b/t", "relayed"} {
			if err := tx.Emit(dest, nil); err != nil {
				return err
			}
		}
		return tx.Ack("relay/a/t", 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.Destinations(t.Context(), "relay/")
	if want := "[{relay/a/t 1} {relay/b/t 2}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("destinations = %v, %v; want %s", got, err, want)
	}
	all, err := db.Destinations(t.Context(), "")
	if err != nil || len(all) != 4 {
		t.Errorf("all destinations = %v, %v; want 4", all, err)
	}
}

// TestID: a store keeps its identity in a backup, and another has another.
func TestID(t *testing.T) {
	t.Parallel()
	db, other := openMemory(t, store.Options{}), openMemory(t, store.Options{})
	if len(db.ID()) != 32 || db.ID() == other.ID() {
		t.Errorf("identities %s and %s, want two of 32 digits", db.ID(), other.ID())
	}
	if got := restoredAs(t, db).ID(); got != db.ID() {
		t.Errorf("the restored store is %s, want %s", got, db.ID())
	}
}

package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/store"
)

// wants takes events by their names.
type wants struct{ by map[string][]string }

func (w wants) Data() bool                   { return true }
func (w wants) Take(e *audit.Event) []string { return w.by[e.Name] }
func (w wants) Kept(string, int)             {}

// waiting are the ids of the events that wait for a receiver.
func waiting(t *testing.T, log *audit.Log, to string) (ids []string) {
	t.Helper()
	list, err := log.Waiting(t.Context(), "us-east-1", to, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		events, err := p.Events()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			_, rest, _ := bytes.Cut(e, []byte(`"eventID":"`))
			id, _, _ := bytes.Cut(rest, []byte(`"`))
			ids = append(ids, string(id))
		}
	}
	slices.Sort(ids)
	return ids
}

func named(name, id string, data bool) *audit.Event {
	e := event(id, begin)
	e.Name, e.Data = name, data
	return e
}

// TestTrailsReceive gives events to those who take them, data events to nobody else,
// and forgets what was delivered.
func TestTrailsReceive(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	log.Deliver(wants{map[string][]string{"Encrypt": {"a", "b"}, "GetObject": {"b"}}})
	for _, e := range []*audit.Event{
		named("Encrypt", "e1", false), named("ListKeys", "e2", false), named("GetObject", "d1", true), named("PutObject", "d2", true),
	} {
		if err := log.Record(e, false); err != nil {
			t.Fatal(err)
		}
	}
	for to, want := range map[string][]string{"a": {"e1"}, "b": {"d1", "e1"}, "c": nil} {
		if got := waiting(t, log, to); !slices.Equal(got, want) {
			t.Errorf("waiting for %s: %v, want %v", to, got, want)
		}
	}
	if got := scan(t, log, audit.Query{}); !slices.Equal(got, []string{"e2", "e1"}) {
		t.Errorf("history = %v, want e2 and e1 and no data events", got)
	}
	list, err := log.Waiting(t.Context(), "us-east-1", "b", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Delivered(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if err := log.Discard(t.Context(), "us-east-1", func(to string) bool { return to == "a" }); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"a", "b"} {
		if got := waiting(t, log, to); got != nil {
			t.Errorf("waiting for %s at the end: %v, want none", to, got)
		}
	}
}

// TestPromisedReceiversAfterCrash loses the process between a write and its record: the
// event is delivered to whoever took it when it was promised.
func TestPromisedReceiversAfterCrash(t *testing.T) {
	t.Parallel()
	lost, db := newLog(t, audit.Options{})
	lost.Deliver(wants{map[string][]string{"CreateKey": {"a"}, "PutObject": {"b"}}})
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, e := range []*audit.Event{named("CreateKey", "w1", false), named("PutObject", "d1", true)} {
			if err := lost.Promise(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	next := audit.NewLog(db, audit.Options{NewID: uuid.NewString, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := next.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{"a": "[w1]", "b": "[d1]"} {
		if got := fmt.Sprint(waiting(t, next, to)); got != want {
			t.Errorf("waiting for %s: %s, want %s", to, got, want)
		}
	}
}

// TestReceiversAddUp promises an event to one who then stops listening, and records it
// when another has begun.
func TestReceiversAddUp(t *testing.T) {
	t.Parallel()
	log, db := newLog(t, audit.Options{})
	e := named("StopLogging", "s1", false)
	log.Deliver(wants{map[string][]string{"StopLogging": {"old"}}})
	if err := db.Update(context.Background(), func(tx *store.Tx) error { return log.Promise(tx, e) }); err != nil {
		t.Fatal(err)
	}
	log.Deliver(wants{map[string][]string{"StopLogging": {"old", "new"}}})
	if err := log.Record(e, true); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"old", "new"} {
		if got := waiting(t, log, to); !slices.Equal(got, []string{"s1"}) {
			t.Errorf("waiting for %s: %v, want s1 once", to, got)
		}
	}
}

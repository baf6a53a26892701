package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

const account = "111122223333"

var begin = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// newLog returns a log over an empty store. It runs until the test ends.
func newLog(t testing.TB, o audit.Options) (*audit.Log, *store.DB) {
	t.Helper()
	fake := clock.NewFake(begin)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	o.NewID, o.Logger = uuid.NewString, logger
	log := audit.NewLog(db, o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("run the log: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return log, db
}

func event(id string, at time.Time) *audit.Event {
	p := &authz.Principal{
		Principal: iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::" + account + ":user/alice", Account: account, ID: "AIDAEXAMPLE"},
		Name:      "alice", AccessKeyID: "AKIAEXAMPLE",
	}
	return &audit.Event{
		ID: id, RequestID: "r-" + id, Time: at, Source: "kms.amazonaws.com", Name: "Encrypt", Region: "us-east-1",
		Recipient: account, Facts: &authz.Facts{Principal: p, SourceIP: "127.0.0.1", UserAgent: "test"}, ReadOnly: true,
		Resources: []audit.Resource{{ARN: "arn:aws:kms:us-east-1:" + account + ":key/k1", Type: "AWS::KMS::Key", Account: account}},
	}
}

func scan(t testing.TB, log *audit.Log, q audit.Query) []string {
	t.Helper()
	q.Account, q.Region = account, "us-east-1"
	if q.Limit == 0 {
		q.Limit = 1000
	}
	var ids []string
	for {
		records, next, err := audit.Scan(t.Context(), []*audit.Log{log}, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		if next == nil {
			return ids
		}
		q.After = next
	}
}

func TestRecordIsFoundByEachAttribute(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	if err := log.Record(event("e1", begin), false); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key, value string
		found      bool
	}{
		{audit.EventID, "e1", true},
		{audit.EventID, "e2", false},
		{audit.EventName, "Encrypt", true},
		{audit.EventSource, "kms.amazonaws.com", true},
		{audit.ReadOnly, "true", true},
		{audit.ReadOnly, "false", false},
		{audit.Username, "alice", true},
		{audit.Username, "bob", false},
		{audit.AccessKeyID, "AKIAEXAMPLE", true},
		{audit.ResourceType, "AWS::KMS::Key", true},
		{audit.ResourceName, "k1", true},
		{audit.ResourceName, "arn:aws:kms:us-east-1:" + account + ":key/k1", true},
		{audit.ResourceName, "k2", false},
	} {
		got := len(scan(t, log, audit.Query{Attribute: audit.Attribute{Key: tt.key, Value: tt.value}})) == 1
		if got != tt.found {
			t.Errorf("found by %s=%s: %v, want %v", tt.key, tt.value, got, tt.found)
		}
	}
}

func TestEventJSON(t *testing.T) {
	t.Parallel()
	e := event("e1", begin)
	e.ErrorCode, e.ErrorMessage = "AccessDenied", `no "key"`
	e.Request = []byte(`{"keyId":"k1"}`)
	e.Facts.Principal.Kind = iam.RoleSession
	e.Facts.Principal.Session = &authz.Session{IssuerKind: "Role", IssuerARN: "arn:aws:iam::1:role/r", IssuerName: "r", Created: begin, MFA: true}
	var got map[string]any
	if err := json.Unmarshal(e.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	identity := got["userIdentity"].(map[string]any)
	session := identity["sessionContext"].(map[string]any)
	for name, pair := range map[string][2]any{
		"errorMessage":   {got["errorMessage"], `no "key"`},
		"eventTime":      {got["eventTime"], "2026-05-01T12:00:00Z"},
		"request":        {got["requestParameters"].(map[string]any)["keyId"], "k1"},
		"response":       {got["responseElements"], nil},
		"type":           {identity["type"], "AssumedRole"},
		"session issuer": {session["sessionIssuer"].(map[string]any)["userName"], "r"},
		"mfa":            {session["attributes"].(map[string]any)["mfaAuthenticated"], "true"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
}

// TestPages records events in any order and at any times, and reads them back
// in pages of any size and windows of any width: newest first, none twice, none
// missing.
func TestPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		log, _ := newLog(t, audit.Options{})
		offsets := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 60).Draw(rt, "seconds")
		type at struct {
			time time.Time
			id   string
		}
		var all []at
		for i, s := range offsets {
			a := at{begin.Add(time.Duration(s) * time.Second), fmt.Sprintf("e%03d", i)}
			all = append(all, a)
			if err := log.Record(event(a.id, a.time), false); err != nil {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(rt, "flush") == 0 {
				if err := log.Flush(t.Context()); err != nil {
					rt.Fatal(err)
				}
			}
		}
		from := begin.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "width")) * time.Second)
		slices.SortFunc(all, func(a, b at) int {
			if c := b.time.Compare(a.time); c != 0 {
				return c
			}
			return strings.Compare(b.id, a.id)
		})
		var want []string
		for _, a := range all {
			if !a.time.Before(from) && !a.time.After(to) {
				want = append(want, a.id)
			}
		}
		got := scan(t, log, audit.Query{From: from, To: to, Limit: rapid.IntRange(1, 10).Draw(rt, "limit")})
		if !slices.Equal(got, want) {
			rt.Fatalf("events = %v, want %v", got, want)
		}
	})
}

// TestPromiseOutlivesACrash commits a write with its promise and never records
// the event, as a process that is killed in between.
func TestPromiseOutlivesACrash(t *testing.T) {
	t.Parallel()
	log, db := newLog(t, audit.Options{})
	err := db.Update(t.Context(), func(tx *store.Tx) error { return log.Promise(tx, event("promised", begin)) })
	if err != nil {
		t.Fatal(err)
	}
	if got := scan(t, log, audit.Query{}); len(got) != 0 {
		t.Fatalf("events before recovery = %v, want none", got)
	}
	if err := log.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, log, audit.Query{}); !slices.Equal(got, []string{"promised"}) {
		t.Errorf("events after recovery = %v, want the promised one", got)
	}
	if err := log.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, log, audit.Query{}); len(got) != 1 {
		t.Errorf("a second recovery left %v", got)
	}
}

// TestKeptPromise shows that the event replaces its promise.
func TestKeptPromise(t *testing.T) {
	t.Parallel()
	log, db := newLog(t, audit.Options{})
	e := event("kept", begin)
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return log.Promise(tx, e) }); err != nil {
		t.Fatal(err)
	}
	if err := log.Record(e, true); err != nil {
		t.Fatal(err)
	}
	if err := log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := log.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, log, audit.Query{}); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("events = %v, want the one that was kept", got)
	}
}

func TestStrictRecordsAreDurableOnReturn(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{Strict: true})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := log.Record(event(fmt.Sprint(i), begin), false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(scan(t, log, audit.Query{})); got != 16 {
		t.Errorf("%d events, want 16", got)
	}
}

// TestFlushEndsWithItsContext flushes a log that nobody keeps.
func TestFlushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: clock.NewFake(begin)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := audit.NewLog(db, audit.Options{NewID: uuid.NewString, Logger: slog.New(slog.DiscardHandler)})
	if err := log.Record(event("e", begin), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := log.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush = %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestRefusesWhileEventsCannotBeKept closes the store under the log.
func TestRefusesWhileEventsCannotBeKept(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(begin)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	log := audit.NewLog(db, audit.Options{Strict: true, NewID: uuid.NewString, Logger: logger})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	if err := log.Ready(); err != nil {
		t.Fatalf("ready before the failure: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Record(event("lost?", begin), false); err == nil {
		t.Error("a record that was not kept was taken")
	}
	if err := log.Ready(); err == nil {
		t.Error("ready although events cannot be kept")
	}
	stop()
	if err := <-done; err == nil {
		t.Error("the log ended as if all had been kept")
	}
}

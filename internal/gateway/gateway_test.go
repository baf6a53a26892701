package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A row is what the rig's handlers write.
type row struct {
	Name string `cbor:"1,keyasint"`
}

var rows = store.NewTable("gateway.test", func(r *row) store.Key { return store.K(account, r.Name) })

// writes makes kms:CreateKey write a row, and then do what after does.
func (r *rig) writes(name string, after func() error) {
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		err := r.db.Update(ctx, func(tx *store.Tx) error { return rows.Insert(tx, &row{name}) })
		if err != nil {
			return nil, err
		}
		return &kms.CreateKeyOutput{KeyMetadata: &types.KeyMetadata{KeyId: &name}}, after()
	}
}

func nothing() error { return nil }

// has reports whether the row was kept.
func (r *rig) has(t *testing.T, name string) bool {
	t.Helper()
	err := r.db.View(t.Context(), func(tx *store.Tx) error {
		_, err := rows.Get(tx, account, name)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// TestPanicCostsOneCall breaks an invariant in a handler that has written.
func TestPanicCostsOneCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	r.writes("first", func() error { panic("secret of the handler") })
	status, answer := r.call(t, "AKIAann", "CreateKey", "{}")
	if status != http.StatusInternalServerError || !strings.Contains(answer, "InternalFailure") || strings.Contains(answer, "secret") {
		t.Errorf("the call that panics = %d %s, want InternalFailure and nothing more", status, answer)
	}
	r.writes("second", nothing)
	if status, answer := r.call(t, "AKIAann", "CreateKey", "{}"); status != http.StatusOK {
		t.Errorf("the next call = %d %s, want 200", status, answer)
	}
	got := events(t, r.logs[home], home)
	if len(got) != 2 || got[0].ErrorCode != "InternalFailure" || got[1].ErrorCode != "" {
		t.Errorf("events = %+v, want a failure and a success", got)
	}
}

// TestFailingStagesAreAnsweredAndRecorded stops a call at each stage.
func TestFailingStagesAreAnsweredAndRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"kms:CreateKey"`))
	r.keep(t)
	r.writes("never", nothing)
	for _, tt := range []struct {
		stage, who, operation, body string
		status                      int
		code                        string
		recorded                    bool
	}{
		{"route: unknown operation", "AKIAann", "Burn", "{}", 400, "UnknownOperationException", false},
		{"route: not served", "AKIAann", "Encrypt", "{}", 501, "NotImplemented", false},
		{"authenticate: unknown key", "AKIAeve", "CreateKey", "{}", 400, "UnrecognizedClientException", false},
		{"authenticate: expired", "AKIAold", "CreateKey", "{}", 400, "ExpiredTokenException", false},
		{"decode: no JSON", "AKIAann", "CreateKey", "{", 400, "SerializationException", true},
		{"decode: constraint", "AKIAann", "DescribeKey", "{}", 400, "ValidationException", true},
		{"authorize", "AKIAann", "DescribeKey", `{"KeyId":"1"}`, 400, "AccessDeniedException", true},
	} {
		before := len(events(t, r.logs[home], home))
		status, answer := r.call(t, tt.who, tt.operation, tt.body)
		if status != tt.status || !strings.Contains(answer, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", tt.stage, status, answer, tt.status, tt.code)
		}
		after := events(t, r.logs[home], home)
		if recorded := len(after) > before; recorded != tt.recorded {
			t.Errorf("%s: recorded = %v, want %v", tt.stage, recorded, tt.recorded)
		} else if recorded && after[len(after)-1].ErrorCode != tt.code {
			t.Errorf("%s: errorCode = %s, want %s", tt.stage, after[len(after)-1].ErrorCode, tt.code)
		}
	}
	if r.has(t, "never") {
		t.Error("a handler ran")
	}
}

// TestFullDiskRefusesCalls fills the disk: no handler runs whose call could not
// be recorded, and once there is room again nothing has been lost.
func TestFullDiskRefusesCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	ran := 0
	r.describeKey = func(context.Context, *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		ran++
		return &kms.DescribeKeyOutput{}, nil
	}
	r.disk.full.Store(true)
	if status, answer := r.call(t, "AKIAann", "DescribeKey", `{"KeyId":"1"}`); status != http.StatusOK {
		t.Fatalf("a call before anybody knows = %d %s, want 200", status, answer)
	}
	if err := r.logs[home].Flush(t.Context()); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Flush = %v, want %v", err, store.ErrFull)
	}
	status, answer := r.call(t, "AKIAann", "DescribeKey", `{"KeyId":"2"}`)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "no space left") {
		t.Errorf("a call on a full disk = %d %s, want 503", status, answer)
	}
	if ran != 1 {
		t.Errorf("handlers ran %d times, want once", ran)
	}
	r.disk.full.Store(false)
	for r.logs[home].Ready() != nil {
		r.logs[home].Flush(t.Context())
	}
	if status, answer := r.call(t, "AKIAann", "DescribeKey", `{"KeyId":"3"}`); status != http.StatusOK {
		t.Errorf("a call with room again = %d %s, want 200", status, answer)
	}
	if got := events(t, r.logs[home], home); len(got) != 3 || got[1].ErrorCode != "ServiceUnavailableException" {
		t.Errorf("events = %+v, want all three calls", got)
	}
}

// TestPromiseOutlivesACrash loses everything that is only in memory right after
// a write: its event is found by the next start, once.
func TestPromiseOutlivesACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`)) // its logs do not run: what they hold in memory is lost
	r.writes("kept", nothing)
	if status, answer := r.call(t, "AKIAann", "CreateKey", `{"Description":"orders"}`); status != http.StatusOK {
		t.Fatalf("CreateKey = %d %s", status, answer)
	}
	for range 2 {
		next := r.newLog()
		if err := next.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := events(t, next, home)
		if len(got) != 1 || got[0].EventName != "CreateKey" || got[0].RequestParameters["description"] != "orders" {
			t.Fatalf("events after a crash = %+v, want CreateKey with its request", got)
		}
	}
	if !r.has(t, "kept") {
		t.Error("the write is gone, and its event is not")
	}
}

// TestNoPromiseWithoutTheWrite rolls a write back: nothing is promised of it.
func TestNoPromiseWithoutTheWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		return nil, r.db.Update(ctx, func(tx *store.Tx) error {
			return errors.Join(rows.Insert(tx, &row{"undone"}), errors.New("changed its mind"))
		})
	}
	if status, answer := r.call(t, "AKIAann", "CreateKey", "{}"); status != http.StatusInternalServerError {
		t.Errorf("CreateKey = %d %s, want 500", status, answer)
	}
	next := r.newLog()
	if err := next.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := events(t, next, home); len(got) != 0 {
		t.Errorf("events promised by a write that was rolled back = %+v", got)
	}
}

// TestPromiseIsKeptOnce runs the whole way: after the event with the answer is
// kept, no promise is left that a start would turn into a second one.
func TestPromiseIsKeptOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	r.writes("kept", nothing)
	if status, answer := r.call(t, "AKIAann", "CreateKey", "{}"); status != http.StatusOK {
		t.Fatalf("CreateKey = %d %s", status, answer)
	}
	if err := r.logs[home].Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := audit.NewLog(r.db, audit.Options{})
	if err := next.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := events(t, r.logs[home], home)
	if len(got) != 1 || got[0].ResponseElements["keyMetadata"] == nil {
		t.Errorf("events = %+v, want one with the answer", got)
	}
}

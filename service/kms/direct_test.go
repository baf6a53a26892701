package kms_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/kms"
)

// A direct caller is for what no client can send: calls that a service makes on
// the caller's behalf. They are authorized like any other.
type direct struct {
	service    *kms.Service
	clock      *clock.Fake
	operations map[reflect.Type]wire.Operation
	authorizer *authz.Authorizer
}

// powerful lets every principal do everything, as far as resources' policies do.
type powerful struct{ policy *iam.Policy }

// Permissions implements authz.Directory.
func (p powerful) Permissions(context.Context, *authz.Principal) (authz.Permissions, error) {
	return authz.Permissions{Identity: []*iam.Policy{p.policy}}, nil
}

func newDirect(t testing.TB) *direct {
	t.Helper()
	// Rehearse shows that what an Update is given may run again.
	return newDirectOn(t, store.Options{Rehearse: true})
}

func newDirectOn(t testing.TB, o store.Options) *direct {
	t.Helper()
	fake := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	o.Root, o.Clock = store.MemoryRoot(), fake
	db, err := store.Open(engine, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	policy, err := iam.Parse(allowing("*"), iam.IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	alone := relay.New(relay.Config{DB: db, Clock: fake, Region: region})
	d := &direct{
		service: kms.New(kms.Config{DB: db, Clock: fake, Region: region, Relay: alone, Events: audit.NewLog(db, audit.Options{NewID: uuid.NewString})}), clock: fake,
		operations: map[reflect.Type]wire.Operation{},
		authorizer: authz.New(powerful{policy}, authz.NewCompiler(100)),
	}
	for _, op := range d.service.Operations() {
		d.operations[op.In] = op
	}
	return d
}

// by are the facts of a call by an account's root through services.
func by(account string, via ...string) authz.Facts {
	return authz.Facts{Principal: authz.Root(arn.Root(account), account, "AKIAEXAMPLE"), Region: region, Via: via}
}

// call takes a call through target, authorization and handler.
func call[O any](d *direct, f authz.Facts, in any) (*O, error) {
	op := d.operations[reflect.TypeOf(in).Elem()]
	c := &wire.Call{Facts: f, Service: "kms", Operation: op.Name}
	ctx := wire.WithCall(context.Background(), c)
	target, err := op.Target(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := d.authorizer.Check(ctx, &c.Facts, "kms:"+op.Name, target); err != nil {
		return nil, err
	}
	out, err := op.Handle(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

func mustCall[O any](t testing.TB, d *direct, f authz.Facts, in any) *O {
	t.Helper()
	out, err := call[O](d, f, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused fails the test unless err says that nobody may.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "is not authorized to perform: kms:") {
		t.Errorf("%s: error = %v, want a denial", what, err)
	}
}

// TestCreateKeyIsAllOrNothing fails a commit at its end.
func TestCreateKeyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	full := errors.New("no event can be kept")
	var fails bool
	d := newDirectOn(t, store.Options{BeforeCommit: func(context.Context, *store.Tx) error {
		if fails {
			return full
		}
		return nil
	}})
	fails = true
	if _, err := call[sdk.CreateKeyOutput](d, by(account), &sdk.CreateKeyInput{}); !errors.Is(err, full) {
		t.Fatalf("create: %v, want %v", err, full)
	}
	fails = false
	out := mustCall[sdk.ListKeysOutput](t, d, by(account), &sdk.ListKeysInput{})
	if len(out.Keys) != 0 || materials(t, d) != 0 {
		t.Errorf("%d keys and %d materials are left of a call that failed", len(out.Keys), materials(t, d))
	}
}

// TestDestroyedMaterialIsForgotten even by calls that have just used it.
func TestDestroyedMaterialIsForgotten(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	id := mustCall[sdk.CreateKeyOutput](t, d, by(account), &sdk.CreateKeyInput{}).KeyMetadata.KeyId
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- d.service.Run(ctx) }()
	go func() {
		for {
			_, err := call[sdk.EncryptOutput](d, by(account), &sdk.EncryptInput{KeyId: id, Plaintext: []byte("x")})
			if got := garrisontest.Fault(err); strings.HasPrefix(got, "NotFoundException: ") {
				done <- nil
				return
			} else if err != nil && !strings.HasPrefix(got, "KMSInvalidStateException: ") {
				done <- err
				return
			}
		}
	}()
	mustCall[sdk.ScheduleKeyDeletionOutput](t, d, by(account), &sdk.ScheduleKeyDeletionInput{KeyId: id})
	d.clock.Advance(30 * day)
	if err := <-done; err != nil {
		t.Errorf("encrypt while its key ends: %v", err)
	}
	stop()
	<-done
}

// TestRunDestroysMaterial waits for two windows, and finds nothing left of a key
// but what it never touched.
func TestRunDestroysMaterial(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.service.Run(ctx) }()
	var ids []string
	for range 3 {
		ids = append(ids, *mustCall[sdk.CreateKeyOutput](t, d, by(account), &sdk.CreateKeyInput{}).KeyMetadata.KeyId)
	}
	for i, days := range []int32{7, 9} {
		in := &sdk.ScheduleKeyDeletionInput{KeyId: &ids[i], PendingWindowInDays: &days}
		mustCall[sdk.ScheduleKeyDeletionOutput](t, d, by(account), in)
	}
	for i, step := range []time.Duration{7 * day, 2 * day} {
		if n := materials(t, d); n != 3-i {
			t.Errorf("before its time %d materials are left, want %d", n, 3-i)
		}
		d.clock.Advance(step)
		for n, deadline := 0, time.Now().Add(10*time.Second); n != 2-i; n = materials(t, d) {
			if time.Now().After(deadline) {
				t.Fatalf("after step %d %d materials are left, want %d", i, n, 2-i)
			}
		}
	}
	stop()
	if err := <-done; err != context.Canceled { //nolint:errorlint // Run returns it as it is
		t.Errorf("Run = %v, want %v", err, context.Canceled)
	}
}

func materials(t *testing.T, d *direct) int {
	t.Helper()
	ids, err := d.service.MaterialIDs(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}

// TestRunCatchesUp destroys what became due while nothing ran.
func TestRunCatchesUp(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	for range 20 {
		id := mustCall[sdk.CreateKeyOutput](t, d, by(account), &sdk.CreateKeyInput{}).KeyMetadata.KeyId
		mustCall[sdk.ScheduleKeyDeletionOutput](t, d, by(account), &sdk.ScheduleKeyDeletionInput{KeyId: id})
	}
	d.clock.Advance(365 * day)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.service.Run(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); materials(t, d) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d materials are left", materials(t, d))
		}
	}
	stop()
	<-done
}

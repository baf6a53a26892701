package secretsmanager_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

// newDirect returns a Service whose store can be looked into, and a context of a
// call by root. There is no KMS: its values are planted.
func newDirect(t testing.TB) (*secretsmanager.Service, *clock.Fake, context.Context) {
	t.Helper()
	fake := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	// Rehearse shows that what an Update is given may run again.
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: fake, Rehearse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	call := &wire.Call{Facts: authz.Facts{Principal: authz.Root(arn.Root(account), account, "AKIAEXAMPLE"), Region: region}}
	peers := relay.New(relay.Config{DB: db, Clock: fake, Region: region})
	return secretsmanager.New(secretsmanager.Config{DB: db, Clock: fake, Region: region, Relay: peers}), fake, wire.WithCall(t.Context(), call)
}

// TestWorkerDeletes destroys what is due, its values too, and nothing else.
func TestWorkerDeletes(t *testing.T) {
	t.Parallel()
	s, fake, ctx := newDirect(t)
	for name, n := range map[string]int{"seven": 3, "eight": 2, "restored": 1, "kept": 4} {
		if err := s.Plant(ctx, account, name, n); err != nil {
			t.Fatal(err)
		}
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(running) }()
	for name, days := range map[string]int64{"seven": 7, "eight": 8, "restored": 7} {
		if _, err := s.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: &days}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RestoreSecret(ctx, &sdk.RestoreSecretInput{SecretId: aws.String("restored")}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after        time.Duration
		rows, values int
	}{{7*aDay - time.Second, 4, 10}, {time.Second, 3, 7}, {aDay, 2, 5}, {365 * aDay, 2, 5}} {
		fake.Advance(step.after)
		rows, values := 0, 0
		if !garrisontest.Eventually(func() bool {
			var err error
			rows, values, err = s.Rows(ctx, account)
			return err != nil || rows == step.rows && values == step.values
		}) {
			t.Fatalf("%v later: %d secrets with %d values, want %d with %d", step.after, rows, values, step.rows, step.values)
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want it to end with its context", err)
	}
}

// TestNameOfTheGoneIsFree makes a secret where one's window has passed that nobody
// has destroyed yet.
func TestNameOfTheGoneIsFree(t *testing.T) {
	t.Parallel()
	s, fake, ctx := newDirect(t)
	if err := s.Plant(ctx, account, "app", 3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("app")})
	garrisontest.Want(t, err, "InvalidRequestException: You can't create this secret")
	fake.Advance(30 * aDay)
	if _, err := s.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	if rows, values, err := s.Rows(ctx, account); err != nil || rows != 1 || values != 0 {
		t.Errorf("%d secrets with %d values, %v; want the new one alone", rows, values, err)
	}
}

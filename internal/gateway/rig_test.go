package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	account = "111122223333"
	home    = "us-east-1"
	abroad  = "eu-west-1"
)

// A rig is a gateway over three small services, whose handlers a test sets.
type rig struct {
	*gateway.Gateway
	db   *store.DB
	logs map[string]*audit.Log
	disk *disk
	time *clock.Fake // goes on by a second with each call, so that events have an order
	// policy is the resource policy of every key.
	policy string

	createKey    func(context.Context, *kms.CreateKeyInput) (*kms.CreateKeyOutput, error)
	describeKey  func(context.Context, *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error)
	createBucket func(context.Context, *s3.CreateBucketInput) (*s3.CreateBucketOutput, error)
	createUser   func(context.Context, *iam.CreateUserInput) (*iam.CreateUserOutput, error)
}

// A disk is an engine that can be full.
type disk struct {
	store.Engine
	full atomic.Bool
}

// Begin implements store.Engine.
func (d *disk) Begin(ctx context.Context, write bool) (store.EngineTx, error) {
	if write && d.full.Load() {
		return nil, store.ErrFull
	}
	return d.Engine.Begin(ctx, write)
}

// newRig builds a gateway for callers "AKIAroot" and "AKIAann". held is ann's
// policy document. Its logs keep nothing until keep is called.
func newRig(t *testing.T, held string) *rig {
	t.Helper()
	memory, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{disk: &disk{Engine: memory}, logs: map[string]*audit.Log{}, time: clock.NewFake(clock.System{}.Now())}
	r.db, err = store.Open(r.disk, store.Options{
		Root: store.MemoryRoot(), Clock: clock.System{},
		BeforeCommit: func(ctx context.Context, tx *store.Tx) error { return gateway.Promise(r.logs[home])(ctx, tx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	regions := map[string]*gateway.Region{}
	for _, name := range []string{home, abroad} {
		r.logs[name] = r.newLog()
		regions[name] = &gateway.Region{Services: r.services(t), Log: r.logs[name]}
	}
	r.Gateway = gateway.New(gateway.Config{
		Regions: regions, Home: home, Global: map[string]bool{"iam": true}, Keys: keyring{},
		Authorizer: authz.New(directory{parse(t, held)}, authz.NewCompiler(10)),
		Clock:      r.time, Wall: clock.System{}, NewID: uuid.NewString,
		Logger: slog.New(slog.DiscardHandler), AnySignature: true,
	})
	return r
}

func (r *rig) newLog() *audit.Log {
	return audit.NewLog(r.db, audit.Options{NewID: uuid.NewString, Logger: slog.New(slog.DiscardHandler)})
}

// services are the rig's, with targets that ask for the operation's own action.
func (r *rig) services(t *testing.T) map[string]*wire.Service {
	t.Helper()
	out := map[string]*wire.Service{}
	for name, ops := range map[string][]wire.Operation{
		"kms": {
			wire.Op(func(context.Context, *kms.CreateKeyInput) (authz.Target, error) { return authz.Any(), nil },
				func(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
					return r.createKey(ctx, in)
				}),
			wire.Op(func(_ context.Context, in *kms.DescribeKeyInput) (authz.Target, error) {
				return authz.Target{Resource: "arn:aws:kms:us-east-1:" + account + ":key/" + *in.KeyId, Type: "AWS::KMS::Key", Policy: r.policy}, nil
			}, func(ctx context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
				return r.describeKey(ctx, in)
			}, wire.Anonymous), // which AWS's model does not say, so that it has no effect
		},
		"s3": {wire.Op(func(_ context.Context, in *s3.CreateBucketInput) (authz.Target, error) {
			return authz.Target{Resource: "arn:aws:s3:::" + *in.Bucket, Type: "AWS::S3::Bucket"}, nil
		}, func(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
			return r.createBucket(ctx, in)
		})},
		"iam": {wire.Op(func(context.Context, *iam.CreateUserInput) (authz.Target, error) { return authz.Any(), nil },
			func(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
				return r.createUser(ctx, in)
			})},
	} {
		s, err := wire.NewService(name, ops)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s
	}
	return out
}

// keep runs the logs until the test ends.
func (r *rig) keep(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, len(r.logs))
	for _, l := range r.logs {
		go func() { done <- l.Run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range r.logs {
			if err := <-done; err != nil {
				t.Errorf("run a log: %v", err)
			}
		}
	})
}

// call sends one JSON call of kms, and returns the status and the answer.
func (r *rig) call(t *testing.T, who, operation, body string) (int, string) {
	t.Helper()
	return r.callIn(t, home, who, operation, body)
}

func (r *rig) callIn(t *testing.T, region, who, operation, body string) (int, string) {
	t.Helper()
	r.time.Advance(time.Second)
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Date", "20261124T000000Z")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+who+"/20261124/"+region+
		"/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

// An event is what the tests look at of a CloudTrail event.
type event struct {
	EventName, EventSource, AWSRegion, ErrorCode, ErrorMessage, SourceIPAddress string
	UserIdentity                                                                struct{ ARN, InvokedBy string }
	RequestParameters, ResponseElements                                         map[string]any
}

// events are a log's, oldest first.
func events(t *testing.T, l *audit.Log, region string) []event {
	t.Helper()
	records, _, err := audit.Scan(t.Context(), []*audit.Log{l}, audit.Query{Account: account, Region: region, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]event, len(records))
	for i := range records {
		if err := json.Unmarshal(records[i].JSON, &out[len(out)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// keyring knows root and ann by their access key ids.
type keyring struct{}

// Key implements gateway.Keyring.
func (keyring) Key(_ context.Context, id, _ string) (gateway.Key, error) {
	switch id {
	case "AKIAroot":
		return gateway.Key{Principal: authz.Root("arn:aws:iam::"+account+":root", account, id)}, nil
	case "AKIAann":
		return gateway.Key{Principal: &authz.Principal{
			Principal: engine.Principal{Kind: engine.User, ARN: "arn:aws:iam::" + account + ":user/ann", Account: account, ID: "AIDAANN"},
			Name:      "ann", AccessKeyID: id,
		}}, nil
	case "AKIAold":
		return gateway.Key{}, gateway.ErrExpiredKey
	}
	return gateway.Key{}, gateway.ErrNoKey
}

// directory holds one policy for everybody.
type directory struct{ policy *engine.Policy }

// Permissions implements authz.Directory.
func (d directory) Permissions(context.Context, *authz.Principal) (authz.Permissions, error) {
	return authz.Permissions{Identity: []*engine.Policy{d.policy}}, nil
}

func parse(t *testing.T, document string) *engine.Policy {
	t.Helper()
	p, err := engine.Parse(document, engine.IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// document allows the actions that are given as a JSON list.
func document(actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`
}

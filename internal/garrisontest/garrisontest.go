// Package garrisontest starts the real server for tests: in memory, on a free
// port, verifying signatures and policies like any other, with a clock that the
// test moves.
package garrisontest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/server"
)

// The accounts and Regions of a test server.
const (
	Account      = "111122223333"
	OtherAccount = "444455556666"
	Region       = "us-east-1"
	OtherRegion  = "eu-west-1"
)

// A Server is a running server and how to reach it.
type Server struct {
	// Config is for clients of Account's root in Region.
	Config aws.Config
	// Clock is the time of the server's services. Signatures are judged by the
	// machine's clock, so that clients need not know of it.
	Clock *clock.Fake
	// URL and OpsURL are where the API, and health and metrics, answer.
	URL, OpsURL string

	credentials []server.Credentials
}

// An Option changes how the server is started.
type Option func(*server.Config)

// Start runs a server until the test ends.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	fake := clock.NewFake(clock.System{}.Now())
	c := server.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0",
		Regions: []string{Region, OtherRegion}, Accounts: []string{Account, OtherAccount},
		Clock: fake, Logger: slog.New(slog.NewTextHandler(logs(t), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, o := range opts {
		o(&c)
	}
	ctx, stop := context.WithCancel(context.Background())
	s, err := server.New(ctx, c)
	if err != nil {
		stop()
		t.Fatalf("start the server: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	out := &Server{Clock: fake, URL: s.URL(), OpsURL: s.OpsURL(), credentials: s.Credentials()}
	out.Config = out.ConfigFor(c.Accounts[0], Region)
	return out
}

// ConfigFor returns a client configuration of an account's root in a Region.
func (s *Server) ConfigFor(account, region string) aws.Config {
	for _, c := range s.credentials {
		if c.Account == account {
			return s.ConfigWith(region, c.AccessKeyID, c.SecretAccessKey, "")
		}
	}
	panic("garrisontest: no account " + account)
}

// ConfigWith returns a client configuration with the given credentials.
func (s *Server) ConfigWith(region, id, secret, token string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
		// A test wants the first answer, not the last of three.
		RetryMaxAttempts: 1,
		HTTPClient:       HTTPClient(),
	}
}

// User creates a user of Account with one inline policy (none if empty), and
// returns a client configuration with its access key.
func (s *Server) User(t testing.TB, name, policy string) aws.Config {
	t.Helper()
	return s.UserOf(t, Account, name, policy)
}

// UserOf is User in another account.
func (s *Server) UserOf(t testing.TB, account, name, policy string) aws.Config {
	t.Helper()
	ctx := context.Background()
	c := iam.NewFromConfig(s.ConfigFor(account, Region))
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatalf("create user %s: %v", name, err)
	}
	if policy != "" {
		_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("inline"), PolicyDocument: &policy})
		if err != nil {
			t.Fatalf("put the policy of %s: %v", name, err)
		}
	}
	out, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatalf("create an access key of %s: %v", name, err)
	}
	return s.ConfigWith(Region, *out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey, "")
}

// ErrorCode returns the error code that a server answered, "" for success and
// the error's text for what is no answer.
func ErrorCode(err error) string {
	if err == nil {
		return ""
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return err.Error()
}

// logs passes the server's log lines on to the test's.
func logs(t testing.TB) io.Writer { return &testLog{t: t} }

type testLog struct{ t testing.TB }

// Write implements io.Writer.
func (l *testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

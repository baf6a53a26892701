package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// TestUnencryptedHTTP2 calls over HTTP/2 without TLS, as a sidecar does.
func TestUnencryptedHTTP2(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	counted := &counter{next: &http.Transport{Protocols: protocols}}
	config := srv.Config
	config.HTTPClient = &http.Client{Transport: counted}
	if _, err := kms.NewFromConfig(config).ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Fatal(err)
	}
	if got := counted.protocols(); !slices.Equal(got, []string{"HTTP/2.0"}) {
		t.Errorf("protocols = %v, want HTTP/2.0", got)
	}
}

// A counter notes the protocol of each answer.
type counter struct {
	next http.RoundTripper

	mu   sync.Mutex // guards seen
	seen []string
}

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.seen = append(c.seen, "error")
		return nil, err
	}
	c.seen = append(c.seen, resp.Proto)
	return resp, nil
}

func (c *counter) protocols() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// TestOneRequestACall calls each service with the SDK's own retries: whatever
// succeeds has taken one request.
func TestOneRequestACall(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	counted := &counter{next: http.DefaultTransport}
	config := srv.Config
	config.RetryMaxAttempts = 0 // the SDK's default
	config.HTTPClient = &http.Client{Transport: counted}
	for name, call := range callers(t.Context(), config) {
		before := len(counted.protocols())
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(counted.protocols()) - before; n != 1 {
			t.Errorf("%s took %d requests, want 1", name, n)
		}
	}
}

// TestVirtualHost names the bucket in the host, as SDKs do by default.
func TestVirtualHost(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	to := strings.TrimPrefix(srv.URL, "http://")
	config := srv.Config
	config.BaseEndpoint = aws.String("http://s3.localhost")
	config.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.Proxy = nil
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, to) }
	})
	c := s3.NewFromConfig(config)
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("in-the-host")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("in-the-host")}); err != nil {
		t.Errorf("HeadBucket by virtual host = %v", err)
	}
	byPath := s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := byPath.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("in-the-host")}); err != nil {
		t.Errorf("HeadBucket by path = %v", err)
	}
}

// TestTraces receives the spans of a server as an OTLP/HTTP collector.
func TestTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards names
	names := map[string]int{}
	receive := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(b, &in) != nil {
			t.Errorf("the collector got what is no export: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range in.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					names[span.Name+" "+span.Status.GetMessage()]++
				}
			}
		}
	}))
	t.Cleanup(receive.Close)
	t.Run("calls", func(t *testing.T) { // the server flushes its spans as it stops
		srv := garrisontest.Start(t, func(c *server.Config) { c.TraceEndpoint = receive.URL + "/v1/traces" })
		if _, err := sts.NewFromConfig(srv.Config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Error(err)
		}
		_, err := kms.NewFromConfig(srv.Config).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("11111111-2222-3333-4444-555555555555")})
		if garrisontest.ErrorCode(err) != "NotFoundException" {
			t.Errorf("DescribeKey = %v, want NotFoundException", err)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"sts.GetCallerIdentity ", "kms.DescribeKey NotFoundException"} {
		if names[want] != 1 {
			t.Errorf("spans = %v, want one %q", names, want)
		}
	}
}

// TestStrictAudit copies what is on disk the moment that a call is answered, as a
// loss of power would leave it: the call's event is there.
func TestStrictAudit(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	srv := garrisontest.Start(t, func(c *server.Config) { c.Data, c.StrictAudit = data, true })
	if _, err := kms.NewFromConfig(srv.Config).ListAliases(t.Context(), &kms.ListAliasesInput{}); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(left, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(server.RootKeyPath(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.RootKeyPath(left), root, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(left, 0o700); err != nil {
		t.Fatal(err)
	}
	next := garrisontest.Start(t, func(c *server.Config) { c.Data = left })
	if event := lookup(t, next, types.LookupAttributeKeyEventName, "ListAliases"); event["readOnly"] != true {
		t.Errorf("event = %v, want a read", event)
	}
}

// TestDataDirectoryIsLocked starts a second server on the data of the first.
func TestDataDirectoryIsLocked(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	garrisontest.Start(t, func(c *server.Config) { c.Data = data })
	_, err := server.New(t.Context(), server.Config{
		Listen: "127.0.0.1:0", OpsListen: "off", Data: data, Regions: []string{garrisontest.Region}, Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), data) {
		t.Errorf("a second server = %v, want an error that says the data is in use, and which", err)
	}
}

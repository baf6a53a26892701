package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// TestProtocols calls one operation of each protocol with the official SDK.
func TestProtocols(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	ctx := t.Context()
	calls := map[string]func() error{
		"awsQuery (sts)": func() error {
			out, err := sts.NewFromConfig(srv.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return expect(err, func() string { return *out.Arn }, "arn:aws:iam::"+garrisontest.Account+":root")
		},
		"awsJson1.1 (kms)": func() error {
			out, err := kms.NewFromConfig(srv.Config).GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(7)})
			return expect(err, func() string { return fmt.Sprint(len(out.Plaintext)) }, "7")
		},
		"restJson1 (account)": func() error {
			out, err := account.NewFromConfig(srv.Config).ListRegions(ctx, &account.ListRegionsInput{})
			return expect(err, func() string { return *out.Regions[0].RegionName }, garrisontest.Region)
		},
		"restXml (s3)": func() error {
			c := s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true })
			if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("a-bucket")}); err != nil {
				return err
			}
			out, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
			return expect(err, func() string { return *out.Buckets[0].Name }, "a-bucket")
		},
		"ec2Query (ec2)": func() error {
			out, err := ec2.NewFromConfig(srv.Config).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
			return expect(err, func() string { return *out.Regions[1].RegionName }, garrisontest.OtherRegion)
		},
		"rpcv2Cbor (cloudwatch)": func() error {
			c := cloudwatch.NewFromConfig(srv.Config)
			_, err := c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
				Namespace: aws.String("app"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("hits"), Value: aws.Float64(3)}},
			})
			if err != nil {
				return err
			}
			out, err := c.ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
			return expect(err, func() string { return *out.Metrics[0].MetricName }, "hits")
		},
	}
	for name, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func expect(err error, got func() string, want string) error {
	if err != nil {
		return err
	}
	if g := got(); g != want {
		return fmt.Errorf("got %q, want %q", g, want)
	}
	return nil
}

// TestDenialIsToldAndRecorded follows a refused call from the client's error to
// its event.
func TestDenialIsToldAndRecorded(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	ctx := t.Context()
	key, err := kms.NewFromConfig(srv.Config).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	mallory := kms.NewFromConfig(srv.User(t, "mallory", ""))
	_, err = mallory.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("canary-plaintext")})
	want := "User: arn:aws:iam::" + garrisontest.Account + ":user/mallory is not authorized to perform: kms:Encrypt on resource: " +
		*key.KeyMetadata.Arn + " because no identity-based policy allows the kms:Encrypt action"
	if garrisontest.ErrorCode(err) != "AccessDeniedException" || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want AccessDeniedException: %s", err, want)
	}
	event := lookup(t, srv, types.LookupAttributeKeyUsername, "mallory")
	if event["errorCode"] != "AccessDeniedException" || event["errorMessage"] != want {
		t.Errorf("event = %v, want the denial", event)
	}
	if text := fmt.Sprint(event); strings.Contains(text, "canary") || strings.Contains(text, "Y2FuYXJ5") {
		t.Errorf("the event holds the plaintext: %s", text)
	}
	if got := event["requestParameters"].(map[string]any)["keyId"]; got != *key.KeyMetadata.KeyId {
		t.Errorf("requestParameters.keyId = %v, want %s", got, *key.KeyMetadata.KeyId)
	}
}

// TestWriteEventHasItsAnswer finds the event of a write with what it made.
func TestWriteEventHasItsAnswer(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	key, err := kms.NewFromConfig(srv.Config).CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	event := lookup(t, srv, types.LookupAttributeKeyEventName, "CreateKey")
	answer := event["responseElements"].(map[string]any)["keyMetadata"].(map[string]any)
	if answer["keyId"] != *key.KeyMetadata.KeyId || event["readOnly"] != false {
		t.Errorf("event = %v, want the created key in responseElements", event)
	}
}

// lookup returns the newest event with the attribute.
func lookup(t *testing.T, srv *garrisontest.Server, key types.LookupAttributeKey, value string) map[string]any {
	t.Helper()
	out, err := cloudtrail.NewFromConfig(srv.Config).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Events) == 0 {
		t.Fatalf("no event with %s=%s", key, value)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(*out.Events[0].CloudTrailEvent), &event); err != nil {
		t.Fatal(err)
	}
	return event
}

// TestGlobalCallsAreRecordedAtHome calls IAM and finds the event in the home
// Region alone.
func TestGlobalCallsAreRecordedAtHome(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	_, err := iam.NewFromConfig(srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)).
		CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	if event := lookup(t, srv, types.LookupAttributeKeyEventName, "CreateUser"); event["awsRegion"] != garrisontest.Region {
		t.Errorf("awsRegion = %v, want %s", event["awsRegion"], garrisontest.Region)
	}
	out, err := cloudtrail.NewFromConfig(srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)).
		LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{})
	if err != nil || len(out.Events) != 0 {
		t.Errorf("events elsewhere = %v, %v; want none", out, err)
	}
}

// TestStateOutlivesTheProcess stops a server and starts another on its data.
func TestStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	on := func(c *server.Config) { c.Data = data }
	var keyID string
	t.Run("first", func(t *testing.T) {
		srv := garrisontest.Start(t, on)
		out, err := kms.NewFromConfig(srv.Config).CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		keyID = *out.KeyMetadata.KeyId
	})
	t.Run("second", func(t *testing.T) {
		srv := garrisontest.Start(t, on)
		if _, err := kms.NewFromConfig(srv.Config).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &keyID}); err != nil {
			t.Error(err)
		}
		lookup(t, srv, types.LookupAttributeKeyEventName, "CreateKey")
	})
	t.Run("wrong root key", func(t *testing.T) {
		if err := os.Remove(server.RootKeyPath(data)); err != nil {
			t.Fatal(err)
		}
		_, err := server.New(t.Context(), server.Config{Listen: "127.0.0.1:0", OpsListen: "off", Data: data})
		if err == nil || !strings.Contains(err.Error(), ".root") {
			t.Errorf("error without the root key = %v, want one that names it", err)
		}
	})
}

// TestTLS serves HTTPS with a certificate of the server's own CA, over HTTP/2.
func TestTLS(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	srv := garrisontest.Start(t, func(c *server.Config) { c.Data, c.TLS = data, true })
	pem, err := os.ReadFile(server.CAPath(data))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	config := srv.Config
	config.HTTPClient = client
	if _, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("protocol = %s, want HTTP/2", resp.Proto)
	}
	event := lookup(t, &garrisontest.Server{Config: config}, types.LookupAttributeKeyEventName, "GetCallerIdentity")
	if details, ok := event["tlsDetails"].(map[string]any); !ok || details["tlsVersion"] != "TLSv1.3" {
		t.Errorf("tlsDetails = %v", event["tlsDetails"])
	}
}

// TestOps reads health and metrics from the listener of their own.
func TestOps(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	if _, err := sts.NewFromConfig(srv.Config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/_garrison/health": `"status":"ok"`,
		"/metrics":          `garrison_api_calls_total{code="",operation="GetCallerIdentity",service="sts"} 1`,
	} {
		resp, err := http.Get(srv.OpsURL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s = %d %s, want %s", path, resp.StatusCode, body, want)
		}
	}
	resp, err := http.Get(srv.URL + "/_garrison/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		t.Error("the API's own port answers for health")
	}
}

// TestDrain stops the server while a call is under way; the call is answered.
func TestDrain(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	s, err := server.New(ctx, server.Config{Listen: "127.0.0.1:0", OpsListen: "off", Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20261124/us-east-1/kms/aws4_request, SignedHeaders=host, Signature="+
		strings.Repeat("0", 64)+"\r\nX-Amz-Date: 20261124T000000Z\r\nContent-Length: 2\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the call has arrived, and waits for its body
	stop()
	time.Sleep(100 * time.Millisecond) // the server is draining
	if _, err := io.WriteString(conn, "}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the call under way: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the call under way: %s", resp.Status)
	}
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

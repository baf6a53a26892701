package sigv4_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// server verifies all that comes in, and answers with the body that it read.
func server(t *testing.T, secret string) *httptest.Server {
	t.Helper()
	v := sigv4.New(clock.System{})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sigv4.Parse(r)
		if err != nil || s == nil {
			t.Errorf("Parse = %v, %v", s, err)
			return
		}
		body, err := v.VerifyStream(r, s, sigv4.NewSecret(secret))
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("X-Amz-Meta-Algorithm", s.Algorithm.String())
		if _, err := io.Copy(w, body); err != nil {
			t.Errorf("read the body: %v", err)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func client(t *testing.T, srv *httptest.Server) *s3.Client {
	t.Helper()
	c := srv.Client()
	transport := c.Transport.(*http.Transport).Clone()
	transport.DialContext = nil
	c.Transport = toServer{transport, strings.TrimPrefix(srv.URL, "https://")}
	return s3.New(s3.Options{
		Region: "us-east-1", HTTPClient: c, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(suiteKey, suiteSecret, suiteToken),
	})
}

// toServer sends requests for any host to one server, under their own Host.
type toServer struct {
	*http.Transport
	address string
}

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.URL.Host = s.address
	return s.Transport.RoundTrip(r)
}

// TestS3Client sends what the SDK's S3 client makes, by SigV4 and, for a
// multi-Region access point, by SigV4A, over TLS in chunks with a trailer.
func TestS3Client(t *testing.T) {
	t.Parallel()
	c := client(t, server(t, suiteSecret))
	const accessPoint = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"
	for bucket, want := range map[string]string{"bucket": "AWS4-HMAC-SHA256", accessPoint: "AWS4-ECDSA-P256-SHA256"} {
		for _, key := range []string{"key", "a b+c/=é(1)~*'!", "a//b/../c", "%41"} {
			if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("data"), Metadata: map[string]string{"color": "red  blue"}}); err != nil {
				t.Errorf("put %q to %s: %v", key, bucket, err)
			}
			out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, Range: aws.String("bytes=0-9")})
			if err != nil || out.Metadata["algorithm"] != want {
				t.Errorf("get %q from %s: %v, %v; want %s", key, bucket, out, err, want)
			}
		}
	}
}

func TestS3ClientOfAnotherSecret(t *testing.T) {
	t.Parallel()
	c := client(t, server(t, "another"))
	for _, bucket := range []string{"bucket", "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"} {
		if _, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")}); err == nil {
			t.Errorf("get from %s holds with another secret", bucket)
		}
	}
}

func TestS3Presigned(t *testing.T) {
	t.Parallel()
	srv := server(t, suiteSecret)
	c := client(t, srv)
	signed, err := s3.NewPresignClient(c).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a b"), Metadata: map[string]string{"a": "b"}}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), signed.Method, signed.URL, strings.NewReader("data"))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, signed.SignedHeader)
	resp, err := c.Options().HTTPClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(got) != "data" {
		t.Errorf("status %d, body %q, %v; want 200 and the data", resp.StatusCode, got, err)
	}
}

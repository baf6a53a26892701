package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// callers make one call of each protocol's family.
func callers(ctx context.Context, c aws.Config) map[string]func() error {
	return map[string]func() error{
		"kms": func() error {
			_, err := kms.NewFromConfig(c).ListKeys(ctx, &kms.ListKeysInput{})
			return err
		},
		"sts": func() error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
		"ec2": func() error {
			_, err := ec2.NewFromConfig(c).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
			return err
		},
		"s3": func() error {
			_, err := s3.NewFromConfig(c).ListBuckets(ctx, &s3.ListBucketsInput{})
			return err
		},
		"account": func() error {
			_, err := account.NewFromConfig(c).ListRegions(ctx, &account.ListRegionsInput{})
			return err
		},
	}
}

// TestCredentialsThatAreNone calls with keys that nobody has, secrets that are
// wrong, and no signature (the services' API References, "Common Errors").
func TestCredentialsThatAreNone(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	root, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unknown := srv.ConfigWith(garrisontest.Region, "AKIAIOSFODNN7EXAMPLE", "secret", "")
	wrong := srv.ConfigWith(garrisontest.Region, root.AccessKeyID, "wrong", "")
	unsigned := srv.Config
	unsigned.Credentials = aws.AnonymousCredentials{}
	for _, tt := range []struct {
		name   string
		config aws.Config
		want   map[string]string
	}{
		{"unknown key", unknown, map[string]string{
			"kms": "UnrecognizedClientException", "sts": "InvalidClientTokenId", "ec2": "AuthFailure", "s3": "InvalidAccessKeyId", "account": "UnrecognizedClientException",
		}},
		{"wrong secret", wrong, map[string]string{
			"kms": "InvalidSignatureException", "sts": "SignatureDoesNotMatch", "ec2": "AuthFailure", "s3": "SignatureDoesNotMatch", "account": "InvalidSignatureException",
		}},
		{"no signature", unsigned, map[string]string{
			"kms": "MissingAuthenticationTokenException", "sts": "MissingAuthenticationToken", "s3": "AccessDenied",
		}},
	} {
		calls := callers(t.Context(), tt.config)
		for service, want := range tt.want {
			if got := garrisontest.ErrorCode(calls[service]()); got != want {
				t.Errorf("%s, %s: %s, want %s", tt.name, service, got, want)
			}
		}
	}
}

// TestClockSkew signs by clocks that are wrong: fifteen minutes are let pass.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	for _, tt := range []struct {
		offset      time.Duration
		status      int
		code, words string
	}{
		{-14 * time.Minute, http.StatusOK, "", ""},
		{14 * time.Minute, http.StatusOK, "", ""},
		{-20 * time.Minute, http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: "},
		{20 * time.Minute, http.StatusForbidden, "SignatureDoesNotMatch", "Signature not yet current: "},
	} {
		status, answer := identityAt(t, srv, clock.System{}.Now().Add(tt.offset))
		if status != tt.status || !strings.Contains(answer, tt.code) || !strings.Contains(answer, tt.words) {
			t.Errorf("signed %v off: %d %s, want %d %s %q", tt.offset, status, answer, tt.status, tt.code, tt.words)
		}
	}
}

// identityAt calls GetCallerIdentity as a client whose clock shows at.
func identityAt(t *testing.T, srv *garrisontest.Server, at time.Time) (int, string) {
	t.Helper()
	const body, sum = "Action=GetCallerIdentity&Version=2011-06-15", "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	who, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, r, sum, "sts", garrisontest.Region, at); err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

// do sends a request, and returns the status and the body of the answer.
func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r) // no redirect is followed
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestPresigned fetches by URLs that the SDK has signed: while they are good,
// afterwards, and with something else in them.
func TestPresigned(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("shared")}); err != nil {
		t.Fatal(err)
	}
	head := presignedHead(t, c, time.Now().Add(-30*time.Second), time.Minute)
	for _, tt := range []struct {
		name, method, url string
		status            int
		want              string
	}{
		{"good", http.MethodHead, head, http.StatusOK, ""},
		{"another method", http.MethodDelete, head, http.StatusForbidden, "SignatureDoesNotMatch"},
		{"another bucket", http.MethodHead, strings.Replace(head, "shared", "secret", 1), http.StatusForbidden, ""},
		{"longer", http.MethodHead, strings.Replace(head, "X-Amz-Expires=60", "X-Amz-Expires=6000", 1), http.StatusForbidden, ""},
		{"expired", http.MethodHead, presignedHead(t, c, time.Now().Add(-2*time.Minute), time.Minute), http.StatusForbidden, ""},
		{"for more than a week", http.MethodHead, strings.Replace(head, "X-Amz-Expires=60", "X-Amz-Expires=604801", 1), http.StatusBadRequest, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := do(t, r); status != tt.status || !strings.Contains(answer, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, answer, tt.status, tt.want)
		}
	}
}

// presignedHead signs HeadBucket of "shared" by a clock that shows at.
func presignedHead(t *testing.T, c *s3.Client, at time.Time, good time.Duration) string {
	t.Helper()
	out, err := s3.NewPresignClient(c).PresignHeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("shared")},
		s3.WithPresignExpires(good), func(o *s3.PresignOptions) { o.Presigner = signerAt{at} })
	if err != nil {
		t.Fatal(err)
	}
	return out.URL
}

// signerAt signs as if it were another time.
type signerAt struct{ at time.Time }

// PresignHTTP implements s3.HTTPPresignerV4.
func (s signerAt) PresignHTTP(ctx context.Context, who aws.Credentials, r *http.Request, sum, service, region string, _ time.Time,
	opts ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	return v4.NewSigner().PresignHTTP(ctx, who, r, sum, service, region, s.at, opts...)
}

// TestPresignedList fetches the list of buckets by a URL that is signed by hand:
// the SDK presigns no ListBuckets.
func TestPresignedList(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	who, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/?X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := v4.NewSigner().PresignHTTP(t.Context(), who, r, "UNSIGNED-PAYLOAD", "s3", garrisontest.Region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := do(t, r); status != http.StatusOK || !strings.Contains(answer, "<ListAllMyBucketsResult") {
		t.Errorf("ListBuckets = %d %s", status, answer)
	}
}

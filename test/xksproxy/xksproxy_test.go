package xksproxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

const (
	metadata = `"requestMetadata":{"awsPrincipalArn":"arn:aws:iam::123456789012:user/Alice","kmsKeyArn":"k","kmsOperation":"Encrypt","kmsRequestId":"r"}`
	encrypt  = `{` + metadata + `,"additionalAuthenticatedData":"YWFk","plaintext":"SGVsbG8gV29ybGQh","encryptionAlgorithm":"AES_GCM"}`
)

func start(t *testing.T) *xksproxy.Server {
	t.Helper()
	p := xksproxy.Start(t, clock.System{}.Now)
	p.AddKey("k")
	return p
}

// send posts body to what is below the proxy's path, signed by the SDK after
// change has had it.
func send(t *testing.T, p *xksproxy.Server, uri, body string, change ...func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Endpoint+xksproxy.Path+uri, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: xksproxy.AccessKeyID, SecretAccessKey: xksproxy.SecretKey},
		r, hex.EncodeToString(sum[:]), "kms-xks-proxy", "us-east-1", clock.System{}.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	resp, err := p.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// TestRefusals sends what a proxy must refuse.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := start(t)
	big := base64.StdEncoding.EncodeToString(make([]byte, 4301))
	aad := base64.StdEncoding.EncodeToString(make([]byte, 8193))
	for _, tt := range []struct {
		name, uri, body string
		status          int
		want            string
	}{
		{"an unknown operation", "/keys/k/sign", encrypt, 404, "InvalidUriPathException"},
		{"an unknown path", "/kaputt", encrypt, 404, "InvalidUriPathException"},
		{"a query", "/health?a=b", encrypt, 404, "InvalidUriPathException"},
		{"an odd key", "/keys/a%20b/encrypt", encrypt, 404, "InvalidUriPathException"},
		{"a key it hasn't", "/keys/other/encrypt", encrypt, 404, "KeyNotFoundException"},
		{"no JSON", "/keys/k/encrypt", "{", 400, "ValidationException"},
		{"two values", "/keys/k/encrypt", encrypt + "{}", 400, "ValidationException"},
		{"nobody", "/keys/k/encrypt", strings.Replace(encrypt, "awsPrincipalArn", "other", 1), 400, "ValidationException"},
		{"no key ARN", "/keys/k/encrypt", strings.Replace(encrypt, "kmsKeyArn", "other", 1), 400, "ValidationException"},
		{"no request id", "/health", strings.Replace(encrypt, "kmsRequestId", "other", 1), 400, "ValidationException"},
		{"another algorithm", "/keys/k/encrypt", strings.Replace(encrypt, "AES_GCM", "AES_CBC", 1), 400, "ValidationException"},
		{"no plaintext", "/keys/k/encrypt", strings.Replace(encrypt, "plaintext", "other", 1), 400, "ValidationException"},
		{"no base64", "/keys/k/encrypt", strings.Replace(encrypt, "SGVs", "S-Vs", 1), 400, "ValidationException"},
		{"another hash", "/keys/k/encrypt", strings.Replace(encrypt, "{", `{"ciphertextDataIntegrityValueAlgorithm":"MD5",`, 1), 400, "ValidationException"},
		{"a long plaintext", "/keys/k/encrypt", strings.Replace(encrypt, "SGVsbG8gV29ybGQh", big, 1), 501, "UnsupportedOperationException"},
		{"a long AAD", "/keys/k/encrypt", strings.Replace(encrypt, "YWFk", aad, 1), 501, "UnsupportedOperationException"},
		{"a huge body", "/keys/k/encrypt", strings.Repeat(" ", 64<<10) + encrypt, 400, "ValidationException"},
	} {
		status, body := send(t, p, tt.uri, tt.body)
		var got struct{ ErrorName string }
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != tt.status || got.ErrorName != tt.want {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, body, tt.status, tt.want)
		}
	}
	if status, _ := send(t, p, "/health", encrypt, func(r *http.Request) { r.Method = http.MethodGet }); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", status)
	}
}

// TestSignature changes what is signed, after it was signed.
func TestSignature(t *testing.T) {
	t.Parallel()
	p := start(t)
	if status, body := send(t, p, "/keys/k/encrypt", encrypt, func(r *http.Request) { r.Header.Set("Unsigned", "x") }); status != http.StatusOK {
		t.Fatalf("signed well: %d %s", status, body)
	}
	replace := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	for name, change := range map[string]func(*http.Request){
		"no signature":   func(r *http.Request) { r.Header.Del("Authorization") },
		"two signatures": func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
		"another path":   func(r *http.Request) { r.URL.Path = xksproxy.Path + "/keys/j/encrypt" },
		"another host":   func(r *http.Request) { r.Host = "example.com" },
		"another date":   func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") },
		"another type":   func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"another body": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(encrypt, "SGVs", "SGVt", 1)))
		},
		"another service":      replace("kms-xks-proxy", "kms"),
		"another region":       replace("us-east-1", "us-east-2"),
		"another key id":       replace(xksproxy.AccessKeyID, "BKIAI2SFODNN7EXAMPLE"),
		"another algorithm":    replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
		"a header less":        replace("host;", ""),
		"no date among them":   replace(";x-amz-date", ""),
		"headers out of order": replace("content-type;host", "host;content-type"),
		"no value": func(r *http.Request) {
			head, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", head+"Signature=")
		},
	} {
		status, body := send(t, p, "/keys/k/encrypt", encrypt, change)
		if status != http.StatusUnauthorized || !strings.Contains(body, `"AuthenticationFailedException"`) {
			t.Errorf("%s: %d %s, want 401 AuthenticationFailedException", name, status, body)
		}
	}
	if got := p.Calls(xksproxy.OpEncrypt); got != 1 {
		t.Errorf("%d calls counted, want the one that was signed well", got)
	}
}

// TestCurl calls as Appendix D of the specification does: a second judge of the
// signature, which shares nothing with the SDK.
func TestCurl(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl here")
	}
	p := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, curl, "-sSk", "--aws-sigv4", "aws:amz:us-east-1:kms-xks-proxy",
		"--user", xksproxy.AccessKeyID+":"+xksproxy.SecretKey, "-X", "POST", "-H", "Content-Type:application/json",
		"--data", encrypt, p.Endpoint+xksproxy.Path+"/keys/k/encrypt")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "aws-sigv4") {
		t.Skip("this curl doesn't sign")
	}
	if err != nil || !bytes.Contains(out, []byte(`"authenticationTag"`)) {
		t.Errorf("curl: %s, %v", out, err)
	}
}

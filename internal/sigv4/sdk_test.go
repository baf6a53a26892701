package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

// The key of AWS's Signature Version 4 test suite.
const (
	suiteKey    = "AKIDEXAMPLE"
	suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	suiteToken  = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd"
)

var suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// A request is what the SDK's signer is given.
type request struct {
	method, url, service, token, payload string
	header                               http.Header
	body                                 string
	expires                              string // presigned if it is set
}

// send signs a request with the SDK's signer, writes it to a wire and reads it
// as a server does. edit changes it after it was signed.
func (q request) send(t testing.TB, edit func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest(q.method, q.url, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, q.header)
	q.sign(t, r)
	if edit != nil {
		edit(r)
	}
	return overWire(t, r)
}

func (q request) sign(t testing.TB, r *http.Request) {
	t.Helper()
	if q.service == "" {
		q.service = "service"
	}
	payload := q.payload
	if payload == "" {
		sum := sha256.Sum256([]byte(q.body))
		payload = hex.EncodeToString(sum[:])
	}
	s3 := q.service == "s3"
	if s3 && q.expires == "" {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s3 })
	credentials := aws.Credentials{AccessKeyID: suiteKey, SecretAccessKey: suiteSecret, SessionToken: q.token}
	if q.expires == "" {
		if err := signer.SignHTTP(t.Context(), credentials, r, payload, q.service, "us-east-1", suiteTime); err != nil {
			t.Fatal(err)
		}
		return
	}
	r.URL.RawQuery += "&X-Amz-Expires=" + q.expires
	signed, _, err := signer.PresignHTTP(t.Context(), credentials, r, payload, q.service, "us-east-1", suiteTime)
	if err != nil {
		t.Fatal(err)
	}
	if r.URL, err = url.Parse(signed); err != nil {
		t.Fatal(err)
	}
	for k := range r.Header {
		if strings.HasPrefix(k, "X-Amz-") && !strings.HasPrefix(k, "X-Amz-Meta-") && k != "X-Amz-Content-Sha256" {
			r.Header.Del(k) // the signer has moved it into the query
		}
	}
}

func overWire(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// verify is what a server does with a request whose body it holds.
func verify(t testing.TB, r *http.Request) error {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if s == nil {
		return sigv4.MissingToken(r)
	}
	if s.AccessKeyID != suiteKey {
		return sigv4.UnknownKey(s)
	}
	return sigv4.New(clock.NewFake(suiteTime)).Verify(r, s, sigv4.NewSecret(suiteSecret), body)
}

func headers(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Add(kv[i], kv[i+1])
	}
	return h
}

const (
	suiteURL = "https://example.amazonaws.com"
	form     = "application/x-www-form-urlencoded"
)

// suite are the cases of AWS's Signature Version 4 test suite, with requests
// that mean the same.
var suite = map[string]request{ //nolint:gochecknoglobals // a table that nothing changes
	"get-vanilla":                      {method: "GET", url: suiteURL + "/"},
	"get-vanilla-query":                {method: "GET", url: suiteURL + "/?"},
	"get-vanilla-query-order-key":      {method: "GET", url: suiteURL + "/?Param2=value2&Param1=value1"},
	"get-vanilla-query-order-key-case": {method: "GET", url: suiteURL + "/?Param2=value2&param1=value1&Param1=Value1"},
	"get-vanilla-query-order-value":    {method: "GET", url: suiteURL + "/?Param1=value2&Param1=value1"},
	"get-vanilla-query-order-encoded":  {method: "GET", url: suiteURL + "/?a=x%2Fy&a=x-y&a-b=1&a%2Fb=2"},
	"get-vanilla-query-unreserved":     {method: "GET", url: suiteURL + "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
	"get-vanilla-empty-query-key":      {method: "GET", url: suiteURL + "/?Param1=value1&Empty"},
	"get-vanilla-utf8-query":           {method: "GET", url: suiteURL + "/?ሴ=bar"},
	"get-utf8":                         {method: "GET", url: suiteURL + "/ሴ"},
	"get-space":                        {method: "GET", url: suiteURL + "/example%20space/"},
	"get-unreserved":                   {method: "GET", url: suiteURL + "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
	"get-header-key-duplicate":         {method: "GET", url: suiteURL + "/", header: headers("My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1")},
	"get-header-value-order":           {method: "GET", url: suiteURL + "/", header: headers("My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3")},
	"get-header-value-trim":            {method: "GET", url: suiteURL + "/", header: headers("My-Header1", "value1", "My-Header2", "\"a   b   c\"")},
	"post-vanilla":                     {method: "POST", url: suiteURL + "/"},
	"post-vanilla-query":               {method: "POST", url: suiteURL + "/?Param1=value1"},
	"post-header-key-case":             {method: "POST", url: suiteURL + "/", header: headers("My-Header1", "value1")},
	"post-header-key-sort":             {method: "POST", url: suiteURL + "/", header: headers("Zoo", "1", "My-Header1", "value1")},
	"post-header-value-case":           {method: "POST", url: suiteURL + "/", header: headers("My-Header1", "VALUE1")},
	"post-x-www-form-urlencoded":       {method: "POST", url: suiteURL + "/", header: headers("Content-Type", form), body: "Param1=value1"},
	"post-x-www-form-parameters":       {method: "POST", url: suiteURL + "/", header: headers("Content-Type", form+"; charset=utf-8"), body: "Param1=value1"},
	"post-sts-header-before":           {method: "POST", url: suiteURL + "/", token: suiteToken},
	"s3 key as it is":                  {method: "GET", url: suiteURL + "/a//b/../c%20d%2Be%3D%28f%29/", service: "s3"},
	"s3 put":                           {method: "PUT", url: suiteURL + "/key", service: "s3", body: "data", header: headers("X-Amz-Meta-Color", "red")},
	"s3 unsigned payload":              {method: "PUT", url: suiteURL + "/key", service: "s3", body: "data", payload: "UNSIGNED-PAYLOAD"},
	"presigned":                        {method: "GET", url: suiteURL + "/?Action=GetCallerIdentity", service: "sts", expires: "900", token: suiteToken},
	"presigned s3":                     {method: "PUT", url: suiteURL + "/a%2Bb%20c?versionId=1", service: "s3", expires: "604800", payload: "UNSIGNED-PAYLOAD", body: "x", header: headers("X-Amz-Meta-Color", "red")},
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, q := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := verify(t, q.send(t, nil)); err != nil {
				t.Errorf("verify = %v, want a request that the SDK signed to hold", err)
			}
		})
	}
}

// TestEquivalents are changes that a signature does not cover, because both
// forms mean the same to whoever reads them.
func TestEquivalents(t *testing.T) {
	t.Parallel()
	plain := request{method: "POST", url: suiteURL + "/a/b?x=1&y=b%20c&z=", header: headers("My-Header1", "a b"), body: "body"}
	s3 := request{method: "GET", url: suiteURL + "/a%20b", service: "s3"}
	for _, tt := range []struct {
		name string
		q    request
		edit func(*http.Request)
	}{
		{"a header that is not signed", plain, func(r *http.Request) { r.Header.Set("User-Agent", "other") }},
		{"another header that is not signed", plain, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }},
		{"more spaces in a value", plain, func(r *http.Request) { r.Header.Set("My-Header1", "  a  \t b ") }},
		{"parameters in another order", plain, func(r *http.Request) { r.URL.RawQuery = "z=&y=b%20c&x=1" }},
		{"a space as a plus sign", plain, func(r *http.Request) { r.URL.RawQuery = "x=1&y=b+c&z=" }},
		{"escapes that are not needed", plain, func(r *http.Request) { r.URL.RawQuery = "%78=%31&y=b%20c&z=" }},
		{"no equal sign after an empty value", plain, func(r *http.Request) { r.URL.RawQuery = "x=1&y=b%20c&z" }},
		{"an empty parameter", plain, func(r *http.Request) { r.URL.RawQuery += "&" }},
		{"a path that is normalized to the same", plain, func(r *http.Request) { r.URL.Path = "/.//a/c/../b" }},
		{"the signature in upper case", plain, func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-64]+strings.ToUpper(a[len(a)-64:]))
		}},
		{"an S3 path with other escapes", s3, func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/a b", "/%61%20b" }},
	} {
		if err := verify(t, tt.q.send(t, tt.edit)); err != nil {
			t.Errorf("%s: %v, want it to hold", tt.name, err)
		}
	}
}

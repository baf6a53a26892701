package sigv4_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/sigv4"
)

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// at verifies a request at a time, with a secret.
func at(t *testing.T, r *http.Request, now time.Time, secret string) error {
	t.Helper()
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	return sigv4.New(clock.NewFake(now)).Verify(r, s, sigv4.NewSecret(secret), nil)
}

func authorization(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	target := headers("X-Amz-Target", "TrentService.Encrypt")
	kms := request{method: "POST", url: suiteURL + "/", service: "kms", header: target}
	rest := request{method: "GET", url: suiteURL + "/", service: "account"}
	iam := request{method: "POST", url: suiteURL + "/", service: "iam", header: headers("Content-Type", form)}
	ec2 := request{method: "POST", url: suiteURL + "/", service: "ec2"}
	s3 := request{method: "GET", url: suiteURL + "/", service: "s3"}
	url := request{method: "GET", url: suiteURL + "/", service: "s3", expires: "60", payload: "UNSIGNED-PAYLOAD"}
	late, early := suiteTime.Add(15*time.Minute+time.Second), suiteTime.Add(-15*time.Minute-time.Second)
	const key = suiteSecret
	for _, tt := range []struct {
		name   string
		q      request
		edit   func(*http.Request)
		now    time.Time
		secret string
		status int
		want   string
	}{
		{"json, wrong secret", kms, nil, suiteTime, "x", 400, "InvalidSignatureException: " + mismatch},
		{"no secret", kms, nil, suiteTime, "", 400, "InvalidSignatureException: " + mismatch},
		{"rest, wrong secret", rest, nil, suiteTime, "x", 403, "InvalidSignatureException: " + mismatch},
		{"query, wrong secret", iam, nil, suiteTime, "x", 403, "SignatureDoesNotMatch: " + mismatch},
		{"ec2, wrong secret", ec2, nil, suiteTime, "x", 401, "AuthFailure: AWS was not able to validate the provided access credentials"},
		{"s3, wrong secret", s3, nil, suiteTime, "x", 403, "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method."},
		{"json, expired", kms, nil, late, key, 400, "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"query, not yet current", iam, nil, early, key, 403, "SignatureDoesNotMatch: Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
		{"ec2, expired", ec2, nil, late, key, 400, "RequestExpired: Request has expired."},
		{"s3, skewed", s3, nil, late, key, 403, "RequestTimeTooSkewed: The difference between the request time and the current time is too large."},
		{"s3, skewed and wrong secret", s3, nil, late, "x", 403, "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method."},
		{"s3 url, expired", url, nil, suiteTime.Add(61 * time.Second), key, 403, "AccessDenied: Request has expired"},
		{"s3 url, early", url, nil, early, key, 403, "AccessDenied: Request is not yet valid"},
		{"json, no credential", kms, authorization("Credential=", "Credentia="), suiteTime, key, 400, "IncompleteSignatureException: Authorization header requires 'Credential' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization="},
		{"query, four elements", iam, authorization("/us-east-1", ""), suiteTime, key, 400, "IncompleteSignature: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/iam/aws4_request'"},
		{"json, another day", kms, authorization("20150830", "20150829"), suiteTime, key, 400, "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'."},
		{"s3, another day", s3, authorization("20150830", "20150829"), suiteTime, key, 400, `AuthorizationHeaderMalformed: The authorization header is malformed; Invalid credential date "20150829". This date is not the same as X-Amz-Date: "20150830".`},
		{"json, terminator", kms, authorization("aws4_request", "aws5_request"), suiteTime, key, 400, "InvalidSignatureException: Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"json, host not signed", kms, authorization("host;", ""), suiteTime, key, 400, "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"json, date in another form", kms, func(r *http.Request) { r.Header.Set("X-Amz-Date", "2015") }, suiteTime, key, 400, "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got '2015'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"s3, no date", s3, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, suiteTime, key, 403, "AccessDenied: AWS authentication requires a valid Date or x-amz-date header"},
		{"s3, no hash", s3, func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, suiteTime, key, 400, "InvalidRequest: Missing required header for this request: x-amz-content-sha256"},
		{"json, twice", kms, func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" }, suiteTime, key, 400, "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
		{"s3 url, too long", url, func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Expires=60", "Expires=604801", 1)
		}, suiteTime, key, 400, "AuthorizationQueryParametersError: X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"},
		{"a parameter twice", url, func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Date=20150830T123600Z" }, suiteTime, key, 400, "InvalidURI: Couldn't parse the specified URI."},
		{"a bad escape", iam, func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, suiteTime, key, 400, "MalformedQueryString: The query string contains a syntax error."},
		{"a raw semicolon", iam, func(r *http.Request) { r.URL.RawQuery = "a=b;c" }, suiteTime, key, 400, "MalformedQueryString: The query string contains a syntax error."},
		{"bearer", s3, func(r *http.Request) { r.Header.Set("Authorization", "Bearer t") }, suiteTime, key, 400, "InvalidArgument: Unsupported Authorization Type"},
		{"version 2", s3, func(r *http.Request) { r.Header.Set("Authorization", "AWS a:b") }, suiteTime, key, 400, "InvalidRequest: The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := at(t, tt.q.send(t, tt.edit), tt.now, tt.secret)
			if got := fmt.Sprint(err); !strings.HasPrefix(got, tt.want) || !strings.HasSuffix(tt.want, "=") && got != tt.want {
				t.Errorf("err = %s\nwant  %s", got, tt.want)
			}
			if e, ok := err.(*sigv4.Error); ok && e.Status != tt.status { //nolint:errorlint // the type is the contract
				t.Errorf("status = %d, want %d", e.Status, tt.status)
			}
		})
	}
}

func TestLookupErrors(t *testing.T) {
	t.Parallel()
	s := func(service string, h http.Header) *sigv4.Signature {
		return parse(t, request{method: "GET", url: suiteURL + "/", service: service, header: h}.send(t, nil))
	}
	kms, iam, s3 := s("kms", headers("X-Amz-Target", "T.O")), s("iam", nil), s("s3", nil)
	for _, tt := range []struct {
		got  error
		want string
	}{
		{sigv4.UnknownKey(kms), "UnrecognizedClientException: The security token included in the request is invalid."},
		{sigv4.UnknownKey(iam), "InvalidClientTokenId: The security token included in the request is invalid."},
		{sigv4.UnknownKey(s3), "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records."},
		{sigv4.ExpiredToken(kms), "ExpiredTokenException: The security token included in the request is expired"},
		{sigv4.ExpiredToken(iam), "ExpiredToken: The security token included in the request is expired"},
		{sigv4.ExpiredToken(s3), "ExpiredToken: The provided token has expired."},
		{sigv4.WrongToken(s3), "InvalidToken: The provided token is malformed or otherwise invalid."},
		{sigv4.WrongRegion(iam, "eu-west-1"), "SignatureDoesNotMatch: Credential should be scoped to a valid region, not 'us-east-1'."},
		{sigv4.WrongRegion(s3, "eu-west-1"), "AuthorizationHeaderMalformed: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"},
		{sigv4.WrongService(kms, "ssm"), "InvalidSignatureException: Credential should be scoped to correct service: 'ssm'."},
		{sigv4.MissingToken(httptest.NewRequest("GET", "/?Action=A", nil)), "MissingAuthenticationToken: Request is missing Authentication Token"},
		{sigv4.MissingToken(httptest.NewRequest("GET", "/bucket", nil)), "AccessDenied: Access Denied"},
	} {
		if fmt.Sprint(tt.got) != tt.want {
			t.Errorf("got  %v\nwant %s", tt.got, tt.want)
		}
	}
}

// TestDetailsHoldNoToken looks for the session token in what S3's client is told.
func TestDetailsHoldNoToken(t *testing.T) {
	t.Parallel()
	for _, expires := range []string{"", "60"} {
		q := request{method: "GET", url: suiteURL + "/", service: "s3", token: suiteToken, expires: expires, payload: "UNSIGNED-PAYLOAD"}
		err := at(t, q.send(t, nil), suiteTime, "x")
		text := fmt.Sprintf("%+v", err.(*sigv4.Error).Details) //nolint:errorlint // the type is the contract
		if !strings.Contains(text, "CanonicalRequest Value:GET") {
			t.Errorf("details = %s, want a canonical request", text)
		}
		for _, part := range []string{"AQoDYXdz", "41516f44", "41 51 6f 44"} {
			if strings.Contains(text, part) {
				t.Errorf("details hold the token: %s", text)
			}
		}
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	t.Parallel()
	secret := sigv4.NewSecret("hunter2")
	s := parse(t, request{method: "GET", url: suiteURL + "/", token: suiteToken}.send(t, nil))
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "secret", secret, "signature", s)
	text, err := json.Marshal(struct{ S sigv4.Secret }{secret})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %s %q %x %d", secret, secret, secret, secret, secret, secret, secret) +
		fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s)
	if strings.Contains(all, "hunter2") || strings.Contains(all, "68756e74657232") || strings.Contains(all, suiteToken) {
		t.Errorf("a secret was printed: %s", all)
	}
	if !strings.Contains(all, "redacted") || !strings.Contains(all, "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request") {
		t.Errorf("got %s, want the signer and redacted secrets", all)
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "/?a=b", "/?x=X-Amz-Algorithm"} {
		if s, err := sigv4.Parse(httptest.NewRequest("GET", target, nil)); s != nil || err != nil {
			t.Errorf("Parse(%s) = %v, %v; want neither a signature nor an error", target, s, err)
		}
	}
}

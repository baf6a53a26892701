package sigv4_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRandomRequestsHold signs random requests with the SDK's signer. Their text
// is what the SDK's clients make: escaped paths without dot segments, and values
// without tabs, of which the signer collapses none.
func TestRandomRequestsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		q := randomRequest(rt)
		if err := verify(t, q.send(t, nil)); err != nil {
			rt.Fatalf("%+v: %v", q, err)
		}
	})
}

// TestRandomRequestsOfOthersFail signs them and changes one thing.
func TestRandomRequestsOfOthersFail(t *testing.T) {
	t.Parallel()
	edits := []func(*http.Request){
		func(r *http.Request) { r.URL.RawQuery += "&extra=1" },
		func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/extra", "" },
		func(r *http.Request) { r.Method = "PATCH" },
		func(r *http.Request) { r.Host = "other.example.com" },
	}
	rapid.Check(t, func(rt *rapid.T) {
		q := randomRequest(rt)
		edit := rapid.SampledFrom(edits).Draw(rt, "edit")
		if err := verify(t, q.send(t, edit)); err == nil {
			rt.Fatalf("%+v holds though it was changed", q)
		}
	})
}

func randomRequest(rt *rapid.T) request {
	text := rapid.StringMatching(`[ -~éሴ]{0,12}`)
	q := request{
		method:  rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(rt, "method"),
		service: rapid.SampledFrom([]string{"s3", "kms", "iam", "ec2"}).Draw(rt, "service"),
		token:   rapid.SampledFrom([]string{"", suiteToken}).Draw(rt, "token"),
		expires: rapid.SampledFrom([]string{"", "60", "3600"}).Draw(rt, "expires"),
		header:  http.Header{},
	}
	var path strings.Builder
	for range rapid.IntRange(0, 4).Draw(rt, "segments") {
		// Segments of dots would be removed, and an empty one with them.
		path.WriteString("/x" + strings.ReplaceAll(url.QueryEscape(text.Draw(rt, "segment")), "+", "%20"))
	}
	values := url.Values{}
	for range rapid.IntRange(0, 4).Draw(rt, "parameters") {
		values.Add("p"+text.Draw(rt, "name"), text.Draw(rt, "value"))
	}
	q.url = suiteURL + path.String() + "?" + values.Encode()
	for range rapid.IntRange(0, 3).Draw(rt, "headers") {
		q.header.Add(rapid.SampledFrom([]string{"My-Header", "X-Amz-Meta-A", "Content-Type"}).Draw(rt, "header"), rapid.StringMatching(`[!-~][ -~]{0,20}`).Draw(rt, "value"))
	}
	if q.method != "GET" {
		q.body = text.Draw(rt, "body")
	}
	if q.expires != "" && q.service == "s3" {
		q.payload = "UNSIGNED-PAYLOAD"
	}
	return q
}

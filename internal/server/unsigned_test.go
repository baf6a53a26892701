package server_test

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

var labels = regexp.MustCompile(`\{[^}]*\}`)

// plainRequest is an operation's call in a protocol, without a signature.
func plainRequest(t *testing.T, url, protocol string, table *model.Table, op *model.Operation) *http.Request {
	t.Helper()
	method, body, header := http.MethodPost, `{}`, map[string]string{}
	switch protocol {
	case "query", "ec2":
		body = "Action=" + op.Name + "&Version=" + table.APIVersion
		header["Content-Type"] = "application/x-www-form-urlencoded"
	case "json":
		header["X-Amz-Target"] = table.TargetPrefix + "." + op.Name
		header["Content-Type"] = "application/x-amz-json-" + table.JSONVersion
	case "smithy-rpc-v2-cbor":
		url, body = url+"/service/"+table.TargetPrefix+"/operation/"+op.Name, "\xa0"
		header["Smithy-Protocol"], header["Content-Type"] = "rpc-v2-cbor", "application/cbor"
	default:
		method, body = op.Method, ""
		url += "/" + strings.TrimPrefix(labels.ReplaceAllString(op.URI, "x"), "/")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return r
}

// TestUnsignedCalls sends every operation of every service without a signature:
// only those that bring a proof of their own get any further: two of STS, and the two
// that are links in SNS's messages.
func TestUnsignedCalls(t *testing.T) {
	t.Parallel()
	for name, dev := range map[string]bool{"signatures verified": false, "development": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := garrisontest.Start(t, func(c *server.Config) { c.Dev = dev })
			reached := map[string]string{}
			for service := range model.Names() {
				table, _ := model.Lookup(service)
				for op := range table.Operations() {
					for _, protocol := range table.Protocols {
						answer := sendPlain(t, plainRequest(t, srv.URL, protocol, table, op))
						if !closed(answer) {
							reached[service+":"+op.Name] = answer[:min(len(answer), 200)]
						}
					}
				}
			}
			for _, open := range []string{"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sns:ConfirmSubscription", "sns:Unsubscribe"} {
				if !strings.Contains(reached[open], "validation error") {
					t.Errorf("%s needs a signature: %q", open, reached[open])
				}
				delete(reached, open)
			}
			for _, op := range slices.Sorted(maps.Keys(reached))[:min(len(reached), 10)] {
				t.Errorf("%s was reached without a signature: %s", op, reached[op])
			}
		})
	}
}

// sendPlain returns status and body.
func sendPlain(t *testing.T, r *http.Request) string {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status + " " + string(body)
}

// closed tells the answers to what was never begun: AWS's for a call without a
// signature, those for what is not served, and S3's, whose paths are those of all
// REST services for a caller who names none, for a bucket that is not public.
func closed(answer string) bool {
	// S3 reads what nobody signed, because a bucket can be public: a body that is missing
	// ends the call before anything is asked of the bucket.
	words := []string{"MissingRequestBodyError", "Missing required header or parameter", "MalformedXML", "MissingAuthenticationToken", "Missing Authentication Token", "AuthFailure", "NotImplemented", "UnknownOperation", "MethodNotAllowed", "AccessDenied"}
	return !strings.HasPrefix(answer, "2") && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(answer, w) }) ||
		answer == "403 Forbidden " || answer == "501 Not Implemented " // to HEAD, which has no body
}

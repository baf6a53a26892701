package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// quiet starts a development server: it takes any signature, so that what is
// tested is what comes behind.
func quiet(t testing.TB) *garrisontest.Server {
	return garrisontest.Start(t, func(c *server.Config) {
		c.Dev, c.Logger = true, slog.New(slog.DiscardHandler)
	})
}

// send sends one raw request of a service as the root of an account.
func send(t testing.TB, srv *garrisontest.Server, service string, r *http.Request) (int, string) {
	t.Helper()
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=111122223333/20261124/us-east-1/"+service+
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	r.Header.Set("X-Amz-Date", "20261124T000000Z")
	resp, err := http.DefaultClient.Do(r)
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

func jsonRequest(t testing.TB, url, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	return r
}

// TestEveryJSONOperationRefusesBadInput sends each JSON operation what is no
// JSON, what is no object, each member with a wrong type, and each required
// member missing.
func TestEveryJSONOperationRefusesBadInput(t *testing.T) {
	t.Parallel()
	srv := quiet(t)
	for _, service := range []string{"kms", "cloudtrail"} {
		table, _ := model.Lookup(service)
		for op := range table.Operations() {
			target := table.TargetPrefix + "." + op.Name
			in, ok := table.Shape(op.Input.Shape)
			if !ok {
				continue
			}
			bodies := map[string]string{"cut": `{"a":`, "no object": `[1]`, "not UTF-8": "{\"a\":\"\xff\"}", "deep": strings.Repeat(`{"a":`, 5000)}
			for _, m := range in.Members {
				bodies["wrong type of "+m.Name] = `{"` + m.Name + `":{"x":[[[]]]}}`
				if m.Required {
					bodies["null "+m.Name] = `{"` + m.Name + `":null}`
				}
			}
			for name, body := range bodies {
				status, answer := send(t, srv, service, jsonRequest(t, srv.URL, target, body))
				refused(t, op.Name+": "+name, status, answer)
			}
		}
	}
}

// refused checks that an answer is an AWS error of a client's mistake.
func refused(t *testing.T, what string, status int, answer string) {
	t.Helper()
	var e struct {
		Type string `json:"__type"`
	}
	if err := json.Unmarshal([]byte(answer), &e); err != nil || e.Type == "" {
		t.Errorf("%s: %d %s is no AWS error", what, status, answer)
	}
	if status < 400 || status >= 500 && e.Type != "NotImplemented" {
		t.Errorf("%s: status %d %s, want a refusal", what, status, answer)
	}
}

// TestEveryQueryOperationAnswers sends each query operation nothing but its name.
func TestEveryQueryOperationAnswers(t *testing.T) {
	t.Parallel()
	srv := quiet(t)
	for _, service := range []string{"iam", "sts"} {
		table, _ := model.Lookup(service)
		for op := range table.Operations() {
			body := "Action=" + op.Name + "&Version=" + table.APIVersion
			r, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			status, answer := send(t, srv, service, r)
			if status >= 500 && !strings.Contains(answer, "NotImplemented") {
				t.Errorf("%s: %d %s", op.Name, status, answer)
			}
			if status >= 400 && !strings.Contains(answer, "<Code>") {
				t.Errorf("%s: %d %s is no AWS error", op.Name, status, answer)
			}
		}
	}
}

// TestTooLargeBody sends more than any operation takes.
func TestTooLargeBody(t *testing.T) {
	t.Parallel()
	srv := quiet(t)
	body := `{"Description":"` + strings.Repeat("x", 9<<20) + `"}`
	status, answer := send(t, srv, "kms", jsonRequest(t, srv.URL, "TrentService.CreateKey", body))
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "RequestEntityTooLarge") {
		t.Errorf("answer = %d %s, want 413", status, answer)
	}
}

// TestWrongService sends one service's call under another's scope.
func TestWrongService(t *testing.T) {
	t.Parallel()
	srv := quiet(t)
	status, answer := send(t, srv, "s3", jsonRequest(t, srv.URL, "TrentService.ListKeys", `{}`))
	if status < 400 || !strings.Contains(answer, "kms") {
		t.Errorf("answer = %d %s, want a refusal that names kms", status, answer)
	}
}

// FuzzRequest sends any bytes as a request. Whatever they are, the answer is no
// failure of the server's and the next call is served.
func FuzzRequest(f *testing.F) {
	const auth = "Authorization: AWS4-HMAC-SHA256 Credential=111122223333/20261124/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=" +
		"0000000000000000000000000000000000000000000000000000000000000000\r\nX-Amz-Date: 20261124T000000Z\r\n"
	for _, s := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.CreateKey\r\nContent-Type: application/x-amz-json-1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"GET /bucket/key?uploads HTTP/1.1\r\nHost: b.s3.localhost\r\n" + strings.Replace(auth, "kms", "s3", 1) + "\r\n",
		"POST /service/GraniteServiceVersion20100801/operation/ListMetrics HTTP/1.1\r\nHost: a\r\nSmithy-Protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n" +
			strings.Replace(auth, "kms", "monitoring", 1) + "Content-Length: 1\r\n\r\n\xa0",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n" + strings.Replace(auth, "kms", "iam", 1) + "Content-Length: 41\r\n\r\nAction=CreateUser&UserName=a&Version=2010-",
		"POST /listRegions HTTP/1.1\r\nHost: a\r\n" + strings.Replace(auth, "kms", "account", 1) + "Content-Length: 2\r\n\r\n{}",
	} {
		f.Add([]byte(s))
	}
	srv, err := server.New(f.Context(), server.Config{Listen: "127.0.0.1:0", OpsListen: "off", Dev: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- srv.Run(ctx) }()
	f.Cleanup(func() {
		stop()
		<-done
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Skip() // net/http answers these
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("%q: %d %s", raw, w.Code, w.Body)
		}
	})
}

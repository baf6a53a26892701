package alb_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/engine/waf"
)

// wall judges by a function.
type wall func(r *waf.Request) waf.Verdict

func (wall) BodyLimit() int                        { return 8 }
func (w wall) Evaluate(r *waf.Request) waf.Verdict { return w(r) }

// judgement blocks by the content's beginning, and fails on a word.
func judgement(r *waf.Request) waf.Verdict {
	body := string(r.Body)
	switch {
	case strings.HasPrefix(body, "panic"):
		panic("a broken rule")
	case strings.HasPrefix(body, "evil"):
		return waf.Verdict{Action: waf.Block, Status: 418, Body: "no", ContentType: "text/plain", ResponseHeaders: []waf.Header{{Name: "X-Why", Value: "evil"}}}
	case strings.HasPrefix(body, "bot"):
		return waf.Verdict{Action: waf.Challenge, Status: 202}
	case r.Path == "/blocked":
		return waf.Verdict{Action: waf.Block, Status: 403}
	}
	order := ""
	for _, h := range r.Headers {
		order += h.Name + ":"
	}
	return waf.Verdict{Action: waf.Allow, Insert: []waf.Header{
		{Name: "x-amzn-waf-seen", Value: fmt.Sprintf("%d %v %s %s", len(r.Body), r.BodyTruncated, r.ClientIP, order)},
	}}
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "%d %s", len(b), strings.Join(r.Header.Values("X-Amzn-Waf-Seen"), "|"))
	}))
	post := func(path, body string) string {
		return raw(t, w.addr, fmt.Sprintf("POST %s HTTP/1.1\r\nhost: h\r\nX-Amzn-WAF-Seen: forged\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", path, len(body), body))
	}
	for _, open := range []bool{false, true} {
		w.apply(t, alb.Config{Firewall: wall(judgement), Attributes: alb.Attributes{FirewallFailOpen: open}}, alb.Listener{}, forwardTo(arn))
		onPanic := "500"
		if open {
			onPanic = "200"
		}
		long := strings.Repeat("x", 100<<10)
		for _, tt := range []struct{ path, body, status, want string }{
			{"/", "fine", "200", "4 4 false 127.0.0.1 host:X-Amzn-WAF-Seen:Connection:"},
			{"/", long, "200", fmt.Sprintf("%d 8 true 127.0.0.1 ", len(long))},
			{"/", "evil", "418", "no"},
			{"/", "bots", "202", ""},
			{"/", "panic", onPanic, ""},
			{"/blocked", "", "403", "403 Forbidden"},
		} {
			answer := post(tt.path, tt.body)
			if status, body := split(t, answer); status != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, "forged") {
				t.Errorf("open %v, %s %.10s: %q, want %s %q", open, tt.path, tt.body, answer, tt.status, tt.want)
			}
		}
	}
	if answer := post("/", "evil"); !strings.Contains(answer, "X-Why: evil\r\n") {
		t.Errorf("block without its header: %q", answer)
	}
	if answer := post("/", "bots"); !strings.Contains(answer, "x-amzn-waf-action: challenge\r\n") {
		t.Errorf("challenge without its header: %q", answer)
	}
}

// function answers like a Lambda function.
type function func(event map[string]any) (string, error)

func (f function) Invoke(_ context.Context, arn string, payload []byte) ([]byte, error) {
	var e map[string]any
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	e["arn"] = arn
	s, err := f(e)
	return []byte(s), err
}

func TestLambda(t *testing.T) {
	t.Parallel()
	var seen map[string]any
	answer, failure := "", error(nil)
	w := start(t, alb.Deps{Invoker: function(func(e map[string]any) (string, error) {
		seen = e
		return answer, failure
	})})
	group := func(multi bool) {
		arn := w.group(t, target.Config{ARN: fmt.Sprintf("arn:tg:%v", multi), Lambda: true, MultiValueHeaders: multi, Targets: []target.Target{{ID: "arn:fn"}}})
		w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn))
	}
	send := func(body string) string {
		return raw(t, w.addr, fmt.Sprintf("POST /p?a=1&a=2&b=%%20 HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body))
	}
	group(false)
	answer = `{"statusCode":201,"statusDescription":"201 Created","headers":{"X-A":"b","Connection":"close","Content-Length":"99"},"body":"aGk=","isBase64Encoded":true}`
	got := send("\xff\x00")
	if status, body := split(t, got); status != "201" || body != "hi" || !strings.Contains(got, "X-A: b\r\n") {
		t.Errorf("answer %q", got)
	}
	query, _ := json.Marshal(seen["queryStringParameters"])
	headers, _ := seen["headers"].(map[string]any)
	if seen["arn"] != "arn:fn" || seen["httpMethod"] != "POST" || seen["path"] != "/p" || string(query) != `{"a":"2","b":"%20"}` ||
		headers["x-two"] != "2" || seen["body"] != "/wA=" || seen["isBase64Encoded"] != true {
		t.Errorf("event %v", seen)
	}
	elb, _ := json.Marshal(seen["requestContext"])
	if string(elb) != `{"elb":{"targetGroupArn":"arn:tg:false"}}` {
		t.Errorf("request context %s", elb)
	}
	group(true)
	answer = `{"statusCode":"200","multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"body":"x"}`
	got = send("")
	if strings.Count(got, "Set-Cookie: ") != 2 {
		t.Errorf("multi-value answer %q", got)
	}
	multi, _ := json.Marshal(seen["multiValueQueryStringParameters"])
	if string(multi) != `{"a":["1","2"],"b":["%20"]}` || seen["headers"] != nil {
		t.Errorf("multi-value event %v", seen)
	}
	for _, tt := range []struct {
		answer string
		err    error
		body   string
		status string
	}{
		{"{", nil, "", "502"},
		{`{"body":"x"}`, nil, "", "502"},
		{`{"statusCode":99}`, nil, "", "502"},
		{`{"statusCode":200,"multiValueHeaders":{"X":["a\r\nY: b"]}}`, nil, "", "502"},
		{"", errors.New("out of memory"), "", "502"},
		{`{"statusCode":200}`, nil, strings.Repeat("x", 1<<20+1), "413"},
		{`{"statusCode":200,"body":"` + strings.Repeat("x", 1<<20) + `"}`, nil, "", "502"},
	} {
		answer, failure = tt.answer, tt.err
		if status, _ := split(t, send(tt.body)); status != tt.status {
			t.Errorf("%.30q: status %s, want %s", tt.answer, status, tt.status)
		}
	}
}

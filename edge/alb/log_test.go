package alb_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

// TestRecordFormat has the fields in the order of AWS's guide, with its own example's
// values where they fit.
func TestRecordFormat(t *testing.T) {
	t.Parallel()
	at := time.Date(2018, 7, 2, 22, 23, 0, 186641000, time.UTC)
	r := &alb.Record{
		Type: "https", Time: at, ID: "app/my-loadbalancer/50dc6c495c0c9188", Client: netip.MustParseAddrPort("192.168.131.39:2817"),
		Target: netip.MustParseAddrPort("10.0.0.1:80"), RequestTime: 86 * time.Millisecond, TargetTime: 48 * time.Millisecond, ResponseTime: 37 * time.Millisecond,
		Status: 200, TargetStatus: 200, Received: 0, Sent: 57, Method: "GET", URL: "https://www.example.com:443/", Proto: "HTTP/1.1",
		UserAgent: "curl/7.46.0", Cipher: "ECDHE-RSA-AES128-GCM-SHA256", TLS: "TLSv1.2", Group: "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067",
		Trace: "Root=1-58337281-1d84f3d73c47ec4e58577259", Domain: "www.example.com", Certificate: "arn:aws:acm:us-east-2:123456789012:certificate/12345678",
		Priority: 1, Created: at.Add(-time.Second), Actions: "forward", Class: http1.Ambiguous, Reason: http1.AmbiguousURI, Connection: "TID_123456",
	}
	want := `https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:22:59.186641Z "forward" "-" "-" "10.0.0.1:80" "200" "Ambiguous" "AmbiguousUri" TID_123456 "-" "-" "-"`
	if got := r.String(); got != want {
		t.Errorf("record:\n%s\nwant:\n%s", got, want)
	}
	forged := (&alb.Record{UserAgent: "a\" 200\nGET", URL: "/\x00"}).String()
	if strings.ContainsAny(forged, "\n\x00") || !strings.Contains(forged, `"a\x22 200\x0aGET"`) {
		t.Errorf("a client's bytes break the line: %q", forged)
	}
}

// TestRecords logs one request through, with its sizes and times.
func TestRecords(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(rw, "done")
	}))
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn))
	request := "POST /x?y HTTP/1.1\r\nHost: h.test:9\r\nUser-Agent: ua\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
	answer := raw(t, w.addr, request)
	records := w.records()
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	r := records[0]
	if r.Received != int64(len(request)) || r.Sent != int64(len(answer)) {
		t.Errorf("received %d of %d, sent %d of %d", r.Received, len(request), r.Sent, len(answer))
	}
	if want := fmt.Sprintf("http://h.test:%d/x?y", w.port); r.URL != want || r.UserAgent != "ua" || r.Type != "http" || r.Priority != 0 || r.Actions != "forward" {
		t.Errorf("record %s", r)
	}
	if r.RequestTime < 0 || r.TargetTime < 0 || r.ResponseTime < 0 || r.Group != arn || r.TargetStatus != 200 || !strings.HasPrefix(r.Trace, "Root=1-") {
		t.Errorf("record %s", r)
	}
}

// TestAnswers brings every kind of answer to every kind of client, and keeps the
// connection exactly where both sides know the end.
func TestAnswers(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunks":
			for range 3 {
				fmt.Fprint(rw, "abc")
				_ = http.NewResponseController(rw).Flush()
			}
		case "/none":
			rw.WriteHeader(204)
		case "/same":
			rw.Header().Set("Etag", `"x"`)
			rw.WriteHeader(304)
		case "/hints":
			rw.Header().Set("Link", "</a>")
			rw.WriteHeader(103)
			fmt.Fprint(rw, "ok")
		default:
			fmt.Fprint(rw, "plain")
		}
	}))
	old := w.group(t, target.Config{}, speaker(t, "HTTP/1.0 200 OK\r\n\r\nuntil the end"))
	toOld := forwardTo(old)
	toOld.Default, toOld.Conditions = false, []alb.Condition{{Field: "path-pattern", Values: []string{"/old"}}}
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn), toOld)
	for _, tt := range []struct {
		line  string
		want  string // content as it comes
		has   string // in the head
		keeps bool
	}{
		{"GET / HTTP/1.1", "plain", "Content-Length: 5", true},
		{"HEAD / HTTP/1.1", "", "Content-Length: 5", true},
		{"GET /chunks HTTP/1.1", "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", true},
		{"GET /chunks HTTP/1.0", "abcabcabc", "Connection: close", false},
		{"GET /none HTTP/1.1", "", "204 No Content", true},
		{"GET /same HTTP/1.1", "", "304 Not Modified", true},
		{"GET /hints HTTP/1.1", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>", true},
		{"GET /old HTTP/1.1", "d\r\nuntil the end\r\n0\r\n\r\n", "Transfer-Encoding: chunked", true},
		{"GET /old HTTP/1.0", "until the end", "Connection: close", false},
	} {
		first := tt.line + "\r\nHost: h\r\n\r\n"
		second := "GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
		got := raw(t, w.addr, first+second)
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.Contains(head, tt.has) {
			t.Errorf("%s: head %q, want %q", tt.line, head, tt.has)
		}
		if tt.want != "" && !strings.HasPrefix(body, tt.want) {
			t.Errorf("%s: content %q, want %q", tt.line, body, tt.want)
		}
		if kept := strings.HasSuffix(got, "plain") && strings.Count(got, " 200 OK")+strings.Count(got, " 204 ")+strings.Count(got, " 304 ") == 2; kept != tt.keeps {
			t.Errorf("%s: kept %v, want %v: %q", tt.line, kept, tt.keeps, got)
		}
	}
}

// TestKeptConnections asks a target that closes after each answer without saying so: the
// balancer notices and no client does.
func TestKeptConnections(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, speaker(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn))
	for _, method := range []string{"GET", "POST"} {
		for i := range 20 {
			if method == "POST" {
				time.Sleep(10 * time.Millisecond) // it may not be sent twice: the end must have come
			}
			answer := raw(t, w.addr, method+" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if status, body := split(t, answer); status != "200" || body != "ok" {
				t.Errorf("%s %d: %q", method, i, answer)
			}
		}
	}
}

// TestPoolIsUsed keeps one connection to the target over many exchanges, with pauses that
// outlast the deadlines of the one before.
func TestPoolIsUsed(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	var peers sync.Map
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		peers.Store(r.RemoteAddr, true)
		_, _ = io.Copy(rw, r.Body)
	}))
	w.apply(t, alb.Config{Attributes: alb.Attributes{IdleTimeout: 200 * time.Millisecond}}, alb.Listener{}, forwardTo(arn))
	for range 4 {
		answer := raw(t, w.addr, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		if status, body := split(t, answer); status != "200" || body != "hi" {
			t.Errorf("answer %q", answer)
		}
		time.Sleep(300 * time.Millisecond)
	}
	n := 0
	peers.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d connections to the target, want 1", n)
	}
}

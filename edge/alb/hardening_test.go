package alb_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

// TestDesync sends what two parsers may read differently through a real balancer to a real
// target, in each mode. No mode lets a second request reach the target.
func TestDesync(t *testing.T) {
	t.Parallel()
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, mode := range []http1.Mode{http1.Monitor, http1.Defensive, http1.Strictest} {
		w := start(t, alb.Deps{})
		var reached, second atomic.Int32
		arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
			reached.Add(1)
			if r.URL.Path == "/smuggled" {
				second.Add(1)
			}
			_, _ = io.Copy(rw, r.Body)
		}))
		w.apply(t, alb.Config{Attributes: alb.Attributes{Desync: mode}}, alb.Listener{}, forwardTo(arn))
		for _, tt := range []struct {
			name, request string
			class         http1.Class
		}{
			{"cl.te", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", http1.Ambiguous},
			{"te.cl", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n23\r\n" + smuggled + "\r\n0\r\n\r\n", http1.Ambiguous},
			{"te space", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 35\r\n\r\n" + smuggled, http1.Ambiguous},
			{"get content", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n" + smuggled, http1.Ambiguous},
			{"target", "GET /\tHTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", http1.Ambiguous},
			{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 35\r\n\r\n" + smuggled, http1.Severe},
			{"te te", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + smuggled, http1.Severe},
			{"cr", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", http1.Severe},
		} {
			reached.Store(0)
			request := tt.request
			if mode == http1.Monitor { // connections live on there: end them ourselves
				request = strings.Replace(request, "Host: a", "Host: a\r\nConnection: close", 1)
			}
			status, _ := split(t, raw(t, w.addr, request))
			want := "200"
			if tt.class == http1.Severe || mode == http1.Strictest {
				want = "400"
			}
			if status != want {
				t.Errorf("mode %d, %s: status %s, want %s", mode, tt.name, status, want)
			}
			if n := reached.Load(); want == "400" && n != 0 || n > 1 {
				t.Errorf("mode %d, %s: %d requests reached the target", mode, tt.name, n)
			}
		}
		if second.Load() != 0 {
			t.Errorf("mode %d: a smuggled request reached the target", mode)
		}
		for _, r := range w.records() {
			if r.Class == http1.Compliant || r.Reason == "" {
				t.Errorf("mode %d: record without a class: %s", mode, r)
			}
		}
	}
}

func TestErrorStatuses(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, echo))
	empty := w.group(t, target.Config{})
	refusing := w.group(t, target.Config{}, "http://127.0.0.1:1")
	garbage := w.group(t, target.Config{}, speaker(t, "SSH-2.0-OpenSSH\r\n\r\n"))
	hangup := w.group(t, target.Config{}, speaker(t, ""))
	both := w.group(t, target.Config{}, speaker(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	grpc := w.group(t, target.Config{Version: "GRPC"}, backend(t, echo))
	path := func(p, arn string) alb.Rule {
		r := forwardTo(arn)
		r.Default, r.Conditions = false, []alb.Condition{{Field: "path-pattern", Values: []string{p}}}
		return r
	}
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn), path("/empty", empty), path("/refusing", refusing),
		path("/garbage", garbage), path("/hangup", hangup), path("/both", both), path("/grpc", grpc))
	for _, tt := range []struct{ name, request, want string }{
		{"trace", "TRACE / HTTP/1.1\r\nHost: h\r\n", "405"},
		{"no targets", "GET /empty HTTP/1.1\r\nHost: h\r\n", "503"},
		{"refused", "GET /refusing HTTP/1.1\r\nHost: h\r\n", "502"},
		{"garbage", "GET /garbage HTTP/1.1\r\nHost: h\r\n", "502"},
		{"hang up", "GET /hangup HTTP/1.1\r\nHost: h\r\n", "502"},
		{"smuggled answer", "GET /both HTTP/1.1\r\nHost: h\r\n", "502"},
		{"gRPC over HTTP/1", "POST /grpc HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n", "464"},
		{"31 hops", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1,", 30) + "1.1.1.1\r\n", "463"},
		{"long target", "GET /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: h\r\n", "414"},
		{"huge cookies", "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("Cookie: a="+strings.Repeat("y", 15<<10)+"\r\n", 70), "400"},
		{"unknown expectation", "GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n", "417"},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n", "505"},
		{"bad chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n", "200"},
	} {
		answer := raw(t, w.addr, tt.request+"Connection: close\r\n\r\n")
		if status, body := split(t, answer); status != tt.want || tt.want > "400" && !strings.Contains(body, "<center><h1>"+tt.want) {
			t.Errorf("%s: %q, want %s", tt.name, answer, tt.want)
		}
	}
}

// speaker is a target that says the same to everybody and hangs up.
func speaker(t *testing.T, say string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, say)
				_ = c.Close()
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

// TestSlowClients holds those to the idle timeout that send a head or content by drops.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(rw, r.Body)
	}))
	w.apply(t, alb.Config{Attributes: alb.Attributes{IdleTimeout: 300 * time.Millisecond}}, alb.Listener{}, forwardTo(arn))
	for _, tt := range []struct{ name, first, drop, want string }{
		{"head", "GET / HTTP/1.1\r\nHost: h\r\n", "X: y\r\n", "408"},
		{"content", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab", "", "408"},
		{"nothing", "", "", ""},
	} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begin := time.Now()
		_ = c.SetDeadline(begin.Add(5 * time.Second))
		_, _ = io.WriteString(c, tt.first)
		go func() {
			for tt.drop != "" {
				time.Sleep(50 * time.Millisecond)
				if _, err := io.WriteString(c, tt.drop); err != nil {
					return
				}
			}
		}()
		b, _ := io.ReadAll(c)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: held for %v", tt.name, took)
		}
		if got := string(b); tt.want == "" && got != "" || !strings.HasPrefix(strings.TrimPrefix(got, "HTTP/1.1 "), tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestSlowTarget answers 504, and does not wait for a client that is gone.
func TestSlowTarget(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	release := make(chan struct{})
	defer close(release)
	arn := w.group(t, target.Config{}, backend(t, func(http.ResponseWriter, *http.Request) { <-release }))
	w.apply(t, alb.Config{Attributes: alb.Attributes{IdleTimeout: 3 * time.Second}}, alb.Listener{}, forwardTo(arn))
	gone, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(gone, "GET /gone HTTP/1.1\r\nHost: h\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	_ = gone.Close()
	status, _ := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
	if status != "504" {
		t.Errorf("status %s, want 504", status)
	}
	codes := map[int]bool{}
	for _, r := range w.records() {
		codes[r.Status] = true
	}
	if !codes[460] || !codes[504] {
		t.Errorf("logged %v, want 460 and 504", codes)
	}
}

// TestContinue tells a waiting client to go on, and not before it must.
func TestContinue(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }))
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	if got := string(buf[:n]); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("first answer %q, %v", got, err)
	}
	fmt.Fprint(c, "ok")
	b, _ := io.ReadAll(c)
	if status, body := split(t, string(b)); status != "200" || body != "ok" {
		t.Errorf("answer %q", b)
	}
}

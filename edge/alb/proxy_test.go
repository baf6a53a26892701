package alb_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// world is one balancer behind one listening socket.
type world struct {
	*alb.Balancer
	addr   string
	port   uint16
	groups map[string]*target.Group
	mu     sync.Mutex // guards logs
	logs   []*alb.Record
}

func (w *world) records() []*alb.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*alb.Record(nil), w.logs...)
}

func start(t *testing.T, deps alb.Deps) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{addr: ln.Addr().String(), port: uint16(ln.Addr().(*net.TCPAddr).Port), groups: map[string]*target.Group{}}
	if deps.Clock == nil {
		deps.Clock = clock.System{}
	}
	deps.Rand = rand.Reader
	deps.Log = func(r *alb.Record) {
		w.mu.Lock()
		w.logs = append(w.logs, r)
		w.mu.Unlock()
	}
	w.Balancer = alb.New(deps)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go w.Serve(ctx, c, w.port)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		w.Drain(ctx)
		for _, g := range w.groups {
			g.Close()
		}
	})
	return w
}

// group makes a target group of the servers, without health checks.
func (w *world) group(t *testing.T, cfg target.Config, servers ...string) string {
	t.Helper()
	if cfg.ARN == "" {
		cfg.ARN = fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/g%d/0", len(w.groups))
	}
	for _, s := range servers {
		ap := netip.MustParseAddrPort(strings.TrimPrefix(strings.TrimPrefix(s, "http://"), "https://"))
		cfg.Targets = append(cfg.Targets, target.Target{ID: s, Address: ap})
	}
	cfg.Health.Disabled = true
	g := target.NewGroup(clock.System{})
	g.Apply(t.Context(), &cfg, true)
	w.groups[cfg.ARN] = g
	return cfg.ARN
}

// apply publishes one listener with the rules.
func (w *world) apply(t *testing.T, cfg alb.Config, l alb.Listener, rules ...alb.Rule) {
	t.Helper()
	l.Port, l.Rules = w.port, rules
	if l.ARN == "" {
		l.ARN = "listener"
	}
	cfg.Listeners = []alb.Listener{l}
	if cfg.ID == "" {
		cfg.ARN, cfg.ID = "arn:lb", "app/web/0123456789abcdef"
	}
	if err := w.Apply(&cfg, w.groups); err != nil {
		t.Fatal(err)
	}
}

func forwardTo(arn string) alb.Rule {
	return alb.Rule{Default: true, Action: alb.Action{Forward: &alb.Forward{Groups: []alb.WeightedGroup{{ARN: arn, Weight: 1}}}}}
}

func backend(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// raw sends bytes on a new connection and returns what comes back until it closes.
func raw(t *testing.T, addr, send string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

func TestForward(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	var seen bytes.Buffer
	url := backend(t, func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(&seen, "%s %s %s\r\n", r.Method, r.RequestURI, r.Proto)
		_ = r.Header.Write(&seen)
		rw.Header().Set("X-From", "target")
		_, _ = io.Copy(rw, r.Body)
	})
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(w.group(t, target.Config{}, url)))
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	for _, body := range []string{"", "hello", strings.Repeat("x", 300<<10)} {
		resp, err := client.Post("http://"+w.addr+"/a?b=c", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(got) != body {
			t.Errorf("body of %d bytes: got %d, %v", len(body), len(got), err)
		}
		if resp.StatusCode != 200 || resp.Header.Get("X-From") != "target" {
			t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
		}
	}
	for _, want := range []string{"POST /a?b=c HTTP/1.1", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", fmt.Sprintf("X-Forwarded-Port: %d", w.port), "X-Amzn-Trace-Id: Root=1-"} {
		if !strings.Contains(seen.String(), want) {
			t.Errorf("target did not see %q in %q", want, seen.String())
		}
	}
}

// TestPipelining sends three requests at once, of which the second has chunks and a trailer.
func TestPipelining(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	url := backend(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "[%s %s %s]", r.URL.Path, b, r.Trailer.Get("X-Sum"))
	})
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(w.group(t, target.Config{}, url)))
	got := raw(t, w.addr, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"+
		"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"+
		"GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for _, want := range []string{"[/1  ]", "[/2 abcde 5]", "[/3  ]"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if n := strings.Count(got, "HTTP/1.1 200 OK"); n != 3 {
		t.Errorf("%d answers, want 3", n)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	url := backend(t, func(rw http.ResponseWriter, r *http.Request) {
		c, buf, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		_, _ = io.Copy(c, buf)
	})
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(w.group(t, target.Config{}, url)))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil) //nolint:bodyclose // the connection is a WebSocket now
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("response %+v, %v", resp, err)
	}
	fmt.Fprint(c, " late")
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(r); string(got) != "early late" {
		t.Errorf("echo = %q, %v", got, err)
	}
}

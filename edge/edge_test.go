package edge_test

import (
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge"
	"github.com/garrison-cloud/garrison/edge/accelerator"
	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

func newEdge(t *testing.T) *edge.Edge {
	t.Helper()
	e := edge.New(edge.Deps{Clock: clock.System{}, Rand: rand.Reader, DrainTimeout: time.Second})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		e.Close(ctx)
	})
	return e
}

// freePort finds a port that nobody has on the address.
func freePort(t *testing.T, addr string) uint16 {
	t.Helper()
	ln, err := net.Listen("tcp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func fixed(port uint16, body string) alb.Listener {
	return alb.Listener{ARN: "l", Port: port, Rules: []alb.Rule{{Default: true, Action: alb.Action{Fixed: &alb.Fixed{Status: 200, Body: body}}}}}
}

func balancer(arn, at string, l ...alb.Listener) edge.LoadBalancer {
	return edge.LoadBalancer{Addresses: []netip.Addr{addr(at)}, Application: &alb.Config{ARN: arn, ID: "app/x/1", Listeners: l}}
}

func get(t *testing.T, url string) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

// TestApplyUnderLoad changes the configuration a hundred times while clients ask, and
// loses none of their requests.
func TestApplyUnderLoad(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	const at = "127.64.1.1"
	port := freePort(t, at)
	apply := func(body string) {
		if err := e.Apply(t.Context(), &edge.Config{LoadBalancers: []edge.LoadBalancer{balancer("lb", at, fixed(port, body))}}); err != nil {
			t.Error(err)
		}
	}
	apply("0")
	var stop atomic.Bool
	var asked atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
			for !stop.Load() {
				resp, err := c.Get(fmt.Sprintf("http://%s:%d/", at, port))
				if err != nil {
					t.Errorf("request lost: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if asked.Add(1); resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	for i := range 100 {
		apply(fmt.Sprint(i + 1))
		time.Sleep(2 * time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if got := get(t, fmt.Sprintf("http://%s:%d/", at, port)); got != "100" {
		t.Errorf("after the last change: %q, want 100", got)
	}
	if asked.Load() < 100 {
		t.Errorf("only %d requests", asked.Load())
	}
}

func TestListenersByDifference(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	const at = "127.64.1.2"
	one, two := freePort(t, at), freePort(t, at)
	url := func(p uint16) string { return fmt.Sprintf("http://%s:%d/", at, p) }
	apply := func(l ...alb.Listener) error {
		return e.Apply(t.Context(), &edge.Config{LoadBalancers: []edge.LoadBalancer{balancer("lb", at, l...)}})
	}
	if err := apply(fixed(one, "one")); err != nil {
		t.Fatal(err)
	}
	if err := apply(fixed(one, "one"), fixed(two, "two")); err != nil {
		t.Fatal(err)
	}
	if a, b := get(t, url(one)), get(t, url(two)); a != "one" || b != "two" {
		t.Errorf("answers %q %q", a, b)
	}
	// A port that another has: nothing of the new configuration counts.
	other, err := net.Listen("tcp", at+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := uint16(other.Addr().(*net.TCPAddr).Port)
	if err := apply(fixed(one, "new"), fixed(taken, "x")); err == nil {
		t.Error("a taken port was applied")
	}
	if got := get(t, url(one)); got != "one" {
		t.Errorf("after a broken change: %q, want one", got)
	}
	if err := apply(alb.Listener{ARN: "bad", Port: one}); err == nil || !strings.Contains(err.Error(), "no default rule") {
		t.Errorf("broken listener: %v", err)
	}
	if err := apply(fixed(two, "two")); err != nil {
		t.Fatal(err)
	}
	if got := get(t, url(one)); !strings.Contains(got, "refused") {
		t.Errorf("closed listener answered %q", got)
	}
}

// TestAccelerator hands connections to a load balancer in process, which sees the client,
// and splices others.
func TestAccelerator(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-For"))
	}))
	defer srv.Close()
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "outside") }))
	defer outside.Close()
	backend := netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))
	external := netip.MustParseAddrPort(strings.TrimPrefix(outside.URL, "http://"))
	const lbAt, gaAt = "127.64.2.1", "127.64.2.2"
	port := freePort(t, lbAt)
	gaPort := freePort(t, gaAt)
	lb := balancer("arn:alb", lbAt, alb.Listener{ARN: "l", Port: port, Rules: []alb.Rule{{Default: true, Action: alb.Action{
		Forward: &alb.Forward{Groups: []alb.WeightedGroup{{ARN: "g", Weight: 1}}},
	}}}})
	apply := func(enabled bool, groups ...accelerator.Group) {
		t.Helper()
		err := e.Apply(t.Context(), &edge.Config{
			LoadBalancers: []edge.LoadBalancer{lb},
			Groups: []target.Config{{
				ARN: "g", Protocol: "HTTP", Targets: []target.Target{{Address: backend}},
				Health: target.Check{Protocol: "HTTP", Interval: 20 * time.Millisecond, Timeout: time.Second, Healthy: 2, Unhealthy: 2},
			}},
			Accelerators: []accelerator.Config{{ARN: "ga", Enabled: enabled, Addresses: []netip.Addr{addr(gaAt)}, Listeners: []accelerator.Listener{
				{ARN: "gl", Protocol: "TCP", Ports: []accelerator.PortRange{{From: gaPort, To: gaPort}}, Affinity: "NONE", Groups: groups},
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	url := fmt.Sprintf("http://%s:%d/", gaAt, gaPort)
	inside := accelerator.Group{ARN: "e", Dial: 100, Overrides: map[uint16]uint16{gaPort: port}, Endpoints: []accelerator.Endpoint{{ID: "lb", Weight: 128, LoadBalancer: "arn:alb"}}}
	apply(true, inside)
	if got := get(t, url); got != "127.0.0.1" && !strings.HasPrefix(got, "127.") {
		t.Errorf("the target saw the client as %q", got)
	}
	from := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.64.2.99")}}).DialContext}}
	resp, err := from.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(b) != "127.64.2.99" {
		t.Errorf("the target saw the client as %q, want 127.64.2.99", b)
	}
	spliced := accelerator.Group{ARN: "x", Dial: 100, Overrides: map[uint16]uint16{gaPort: external.Port()}, Endpoints: []accelerator.Endpoint{{ID: "out", Weight: 1, Address: external.Addr()}}}
	apply(true, spliced)
	if got := get(t, url); got != "outside" {
		t.Errorf("spliced: %q", got)
	}
	// Half the traffic stays with the first group, the rest goes on to the second.
	half := inside
	half.Dial = 50
	apply(true, half, spliced)
	counts := map[string]int{}
	for range 100 {
		counts[get(t, url)]++
	}
	if n := counts["outside"]; n < 25 || n > 75 {
		t.Errorf("dial of 50 percent: %v", counts)
	}
	apply(false, inside)
	if got := get(t, url); !strings.Contains(got, "refused") {
		t.Errorf("disabled accelerator answered %q", got)
	}
}

func TestNetworkBalancer(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	// A TCP target that tells the PROXY header's length and echoes the rest.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(append([]byte("udp:"), buf[:n]...), from)
		}
	}()
	const at = "127.64.3.1"
	port, udp := freePort(t, at), freePort(t, at)
	group := func(arn string, a net.Addr, proxy bool) target.Config {
		return target.Config{ARN: arn, Protocol: "TCP", ProxyProtocol: proxy, Health: target.Check{Disabled: true}, Targets: []target.Target{{Address: netip.MustParseAddrPort(a.String())}}}
	}
	err = e.Apply(t.Context(), &edge.Config{
		Groups: []target.Config{group("t", ln.Addr(), true), group("u", pc.LocalAddr(), false)},
		LoadBalancers: []edge.LoadBalancer{{Addresses: []netip.Addr{addr(at)}, Network: &nlb.Config{ARN: "nlb", Listeners: []nlb.Listener{
			{ARN: "1", Port: port, Protocol: "TCP", Group: "t"}, {ARN: "2", Port: udp, Protocol: "UDP", Group: "u"},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", netip.AddrPortFrom(addr(at), port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	want := append(nlb.ProxyHeader(nlb.AddrPort(c.LocalAddr()), nlb.AddrPort(c.RemoteAddr())), "hello"...)
	if string(b) != string(want) {
		t.Errorf("echo %q, %v, want %q", b, err, want)
	}
	u, err := net.Dial("udp", netip.AddrPortFrom(addr(at), udp).String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	_ = u.SetDeadline(time.Now().Add(5 * time.Second))
	for _, s := range []string{"a", "b"} {
		fmt.Fprint(u, s)
		buf := make([]byte, 100)
		n, err := u.Read(buf)
		if got := string(buf[:n]); got != "udp:"+s {
			t.Errorf("datagram %q, %v", got, err)
		}
	}
}

// TestDeletedBalancerFinishes deletes a balancer while a request is under way: the request
// is answered, and nobody new gets in.
func TestDeletedBalancerFinishes(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	begun, release := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-release
		fmt.Fprint(w, "late")
	}))
	defer srv.Close()
	const at = "127.64.1.3"
	port := freePort(t, at)
	cfg := &edge.Config{
		Groups: []target.Config{{ARN: "g", Protocol: "HTTP", Health: target.Check{Disabled: true}, Targets: []target.Target{{Address: netip.MustParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))}}}},
		LoadBalancers: []edge.LoadBalancer{balancer("lb", at, alb.Listener{ARN: "l", Port: port, Rules: []alb.Rule{{Default: true, Action: alb.Action{
			Forward: &alb.Forward{Groups: []alb.WeightedGroup{{ARN: "g", Weight: 1}}},
		}}}})},
	}
	if err := e.Apply(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if s := e.Health("g"); len(s) != 1 || s[0].State != target.Unavailable {
		t.Errorf("health %+v", s)
	}
	url := fmt.Sprintf("http://%s:%d/", at, port)
	answer := make(chan string, 1)
	go func() { answer <- get(t, url) }()
	<-begun
	if n := e.Connections("lb"); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if err := e.Apply(t.Context(), &edge.Config{}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, url); !strings.Contains(got, "refused") {
		t.Errorf("a deleted balancer answered %q", got)
	}
	close(release)
	if got := <-answer; got != "late" {
		t.Errorf("the request under way got %q", got)
	}
	if e.Health("g") != nil {
		t.Error("a deleted group has health")
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	e := edge.New(edge.Deps{Clock: clock.System{}, Rand: rand.Reader})
	const at = "127.64.1.4"
	port := freePort(t, at)
	if err := e.Apply(t.Context(), &edge.Config{LoadBalancers: []edge.LoadBalancer{balancer("lb", at, fixed(port, "x"))}}); err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", netip.AddrPortFrom(addr(at), port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	fmt.Fprint(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if n, err := idle.Read(make([]byte, 1024)); n == 0 {
		t.Fatal(err)
	}
	begin := time.Now()
	e.Close(t.Context())
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("closing took %v with an idle client", took)
	}
	if err := e.Apply(t.Context(), &edge.Config{}); err == nil {
		t.Error("a closed edge applied a configuration")
	}
}

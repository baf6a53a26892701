package target_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func address(url string) netip.AddrPort {
	return netip.MustParseAddrPort(strings.TrimPrefix(url, "http://"))
}

// advance moves the clock until the group's only target is in the state, and returns how
// many intervals that took.
func advance(t *testing.T, g *target.Group, clk *clock.Fake, want target.State, step time.Duration) target.Status {
	t.Helper()
	var last target.Status
	for range 400 {
		if h := g.Health(); len(h) == 1 {
			if last = h[0]; last.State == want {
				return last
			}
		}
		clk.Advance(step)
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("state is %+v, want %s", last, want)
	return last
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var code atomic.Int32
	code.Store(204)
	var agent atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent.Store(r.UserAgent() + " " + r.RequestURI)
		w.WriteHeader(int(code.Load()))
	}))
	defer srv.Close()
	clk := clock.NewFake(noon)
	g := target.NewGroup(clk)
	defer g.Close()
	cfg := &target.Config{
		ARN: "g", Protocol: "HTTP", Targets: []target.Target{{ID: "i-1", Address: address(srv.URL)}}, DeregistrationDelay: time.Minute,
		Health: target.Check{Protocol: "HTTP", Path: "/live?x", Interval: 30 * time.Second, Timeout: time.Second, Healthy: 3, Unhealthy: 2, Matcher: "200,204-206"},
	}
	g.Apply(t.Context(), cfg, false)
	if s := g.Health()[0]; s.State != target.Unused || s.Reason != "Target.NotInUse" {
		t.Errorf("before use: %+v", s)
	}
	g.Apply(t.Context(), cfg, true)
	if s := advance(t, g, clk, target.Healthy, 0); s.Reason != "" {
		t.Errorf("healthy with reason %q", s.Reason)
	}
	if got := agent.Load(); got != "ELB-HealthChecker/2.0 /live?x" {
		t.Errorf("probe was %q", got)
	}
	code.Store(500)
	s := advance(t, g, clk, target.Unhealthy, 30*time.Second)
	if s.Reason != "Target.ResponseCodeMismatch" || s.Description != "Health checks failed with these codes: [500]" {
		t.Errorf("unhealthy: %+v", s)
	}
	if g.Pick() == nil {
		t.Error("nobody is healthy, and nobody takes traffic: not fail open")
	}
	code.Store(200)
	advance(t, g, clk, target.Healthy, 30*time.Second)
	gone := *cfg
	gone.Targets = nil
	g.Apply(t.Context(), &gone, true)
	if s := g.Health(); len(s) != 1 || s[0].State != target.Draining || s[0].Reason != "Target.DeregistrationInProgress" {
		t.Errorf("draining: %+v", s)
	}
	if g.Pick() != nil {
		t.Error("a draining target takes new traffic")
	}
	clk.Advance(time.Minute)
	for deadline := time.Now().Add(2 * time.Second); len(g.Health()) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still there after its delay: %+v", g.Health())
		}
	}
}

func TestProbeKinds(t *testing.T) {
	t.Parallel()
	grpc := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(200)
		w.Header().Set("Grpc-Status", map[string]string{"/AWS.ALB/healthcheck": "12"}[r.URL.Path])
	}))
	grpc.Config.Protocols = new(http.Protocols)
	grpc.Config.Protocols.SetUnencryptedHTTP2(true)
	grpc.Start()
	t.Cleanup(grpc.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	for _, tt := range []struct {
		name   string
		cfg    target.Config
		addr   string
		state  target.State
		reason string
	}{
		{"tcp", target.Config{Health: target.Check{Protocol: "TCP"}}, silent.Addr().String(), target.Healthy, ""},
		{"tcp refused", target.Config{Health: target.Check{Protocol: "TCP"}}, "127.0.0.1:1", target.Unhealthy, "Target.FailedHealthChecks"},
		{"http silent", target.Config{Health: target.Check{Protocol: "HTTP"}}, silent.Addr().String(), target.Unhealthy, "Target.Timeout"},
		{"https", target.Config{Health: target.Check{Protocol: "HTTPS", Matcher: "404"}}, strings.TrimPrefix(secure.URL, "https://"), target.Healthy, ""},
		{"grpc", target.Config{Version: "GRPC", Health: target.Check{Protocol: "HTTP"}}, strings.TrimPrefix(grpc.URL, "http://"), target.Healthy, ""},
		{"grpc code", target.Config{Version: "GRPC", Health: target.Check{Protocol: "HTTP", Matcher: "0-5"}}, strings.TrimPrefix(grpc.URL, "http://"), target.Unhealthy, "Target.ResponseCodeMismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clk := clock.NewFake(noon)
			g := target.NewGroup(clk)
			defer g.Close()
			tt.cfg.Targets = []target.Target{{Address: netip.MustParseAddrPort(tt.addr)}}
			tt.cfg.Health.Interval, tt.cfg.Health.Timeout, tt.cfg.Health.Unhealthy = time.Second, 100*time.Millisecond, 2
			g.Apply(t.Context(), &tt.cfg, true)
			if s := advance(t, g, clk, tt.state, time.Second); s.Reason != tt.reason {
				t.Errorf("reason %q, want %q", s.Reason, tt.reason)
			}
		})
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	targets := make([]target.Target, 4)
	for i := range targets {
		targets[i] = target.Target{Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(i+1))}
	}
	for _, algorithm := range []target.Algorithm{target.RoundRobin, target.LeastOutstanding, target.WeightedRandom} {
		g := target.NewGroup(clock.System{})
		g.Apply(t.Context(), &target.Config{Algorithm: algorithm, Targets: targets, Health: target.Check{Disabled: true}}, true)
		counts := map[*target.Member]int{}
		for range 400 {
			m := g.Pick()
			counts[m]++
			if algorithm == target.LeastOutstanding {
				m.Outstanding.Add(1)
			}
		}
		for m, n := range counts {
			low, high := 100, 100
			if algorithm == target.WeightedRandom {
				low, high = 60, 140
			}
			if n < low || n > high {
				t.Errorf("%s: %s got %d of 400", algorithm, m.Target.Address, n)
			}
		}
		g.Close()
	}
}

// TestPickHash moves no flow but those of the target that goes.
func TestPickHash(t *testing.T) {
	t.Parallel()
	cfg := target.Config{Health: target.Check{Disabled: true}}
	for i := range 5 {
		cfg.Targets = append(cfg.Targets, target.Target{Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(i+1))})
	}
	g := target.NewGroup(clock.NewFake(noon))
	defer g.Close()
	g.Apply(t.Context(), &cfg, true)
	before := map[uint64]netip.AddrPort{}
	for flow := range uint64(1000) {
		before[flow] = g.PickHash(flow).Target.Address
	}
	less := cfg
	less.Targets = cfg.Targets[:4]
	g.Apply(t.Context(), &less, true)
	for flow, was := range before {
		if now := g.PickHash(flow).Target.Address; was != cfg.Targets[4].Address && now != was {
			t.Fatalf("flow %d moved from %s to %s", flow, was, now)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		matcher string
		code    int
		want    bool
	}{{"", 200, true}, {"", 201, false}, {"200-299", 250, true}, {"200, 302", 302, true}, {"x", 200, false}, {"200-", 200, false}} {
		if got := target.Matches(tt.matcher, tt.code, "200"); got != tt.want {
			t.Errorf("Matches(%q, %d) = %v, want %v", tt.matcher, tt.code, got, tt.want)
		}
	}
}

// TestSlowStart gives a target that has just become healthy a growing share.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	late, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	clk := clock.NewFake(noon)
	g := target.NewGroup(clk)
	defer g.Close()
	member := func(l net.Listener) target.Target {
		return target.Target{Address: netip.MustParseAddrPort(l.Addr().String())}
	}
	cfg := target.Config{SlowStart: 100 * time.Second, Targets: []target.Target{member(ln)}, Health: target.Check{Protocol: "TCP", Interval: time.Hour, Timeout: time.Second}}
	healthy := func(n int) {
		t.Helper()
		for range 400 {
			if g.HealthyCount() == n {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("%+v, want %d healthy", g.Health(), n)
	}
	g.Apply(t.Context(), &cfg, true)
	healthy(1)
	clk.Advance(200 * time.Second)
	both := cfg
	both.Targets = append([]target.Target{member(late)}, cfg.Targets...)
	g.Apply(t.Context(), &both, true)
	healthy(2)
	share := func() (n int) {
		for range 1000 {
			if g.Pick().Target == member(late) {
				n++
			}
		}
		return n
	}
	var shares []int
	for range 3 {
		shares = append(shares, share())
		clk.Advance(50 * time.Second)
	}
	if shares[0] > 20 || shares[1] < 150 || shares[1] > 350 || shares[2] != 500 {
		t.Errorf("shares of a thousand at 0, 50 and 100 seconds: %v", shares)
	}
}

package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Reason codes (Elastic Load Balancing API, TargetHealthReasonEnum).
const (
	reasonRegistering = "Elb.RegistrationInProgress"
	reasonChecking    = "Elb.InitialHealthChecking"
	reasonMismatch    = "Target.ResponseCodeMismatch"
	reasonTimeout     = "Target.Timeout"
	reasonFailed      = "Target.FailedHealthChecks"
	reasonNotInUse    = "Target.NotInUse"
	reasonDraining    = "Target.DeregistrationInProgress"
	reasonDisabled    = "Target.HealthCheckDisabled"
)

// health is what probes found of a member; its mutex guards it.
type health struct {
	state     State
	reason    string
	detail    string
	successes int
	failures  int
	drained   time.Time // when a draining member is forgotten
}

// A finding is the outcome of one probe; an empty reason is success.
type finding struct{ reason, detail string }

// observe counts a finding and reports whether the state changed. The first success makes
// a new target healthy; later changes need the thresholds.
func (m *Member) observe(f finding, c *Check, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == Draining {
		return false
	}
	before := m.state
	if f.reason == "" {
		m.failures, m.successes = 0, m.successes+1
		if m.state != Healthy && (m.state == Initial || m.successes >= max(c.Healthy, 1)) {
			m.state, m.reason, m.detail = Healthy, "", ""
			m.healthyAt.Store(now.UnixNano())
		}
		return m.state != before
	}
	m.successes, m.failures = 0, m.failures+1
	if m.failures >= max(c.Unhealthy, 1) {
		m.state = Unhealthy
	} else if m.state == Initial {
		m.reason, m.detail = reasonChecking, "Initial health checks in progress"
		return false
	}
	if m.state == Unhealthy {
		m.reason, m.detail = f.reason, f.detail
	}
	return m.state != before
}

// watch probes a member until its context ends.
func (g *Group) watch(ctx context.Context, m *Member) {
	for {
		cfg := g.cfg.Load()
		if m.observe(g.probe(ctx, m, cfg), &cfg.Health, g.clk.Now()) {
			g.refresh()
		}
		if clock.Sleep(ctx, g.clk, max(cfg.Health.Interval, time.Millisecond)) != nil {
			return
		}
	}
}

func (g *Group) probe(ctx context.Context, m *Member, cfg *Config) finding {
	ctx, cancel := context.WithTimeout(ctx, max(cfg.Health.Timeout, time.Millisecond))
	defer cancel()
	addr := m.Target.Address
	if cfg.Health.Port != 0 {
		addr = netip.AddrPortFrom(addr.Addr(), cfg.Health.Port)
	}
	switch {
	case cfg.Health.Protocol != "HTTP" && cfg.Health.Protocol != "HTTPS":
		return probeTCP(ctx, addr)
	case cfg.Version == "GRPC":
		return probeGRPC(ctx, addr, &cfg.Health)
	default:
		return probeHTTP(ctx, addr, &cfg.Health, cfg.Version == "HTTP2")
	}
}

func probeTCP(ctx context.Context, addr netip.AddrPort) finding {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return failed(err)
	}
	_ = c.Close()
	return finding{}
}

func failed(err error) finding {
	var ne net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout() {
		return finding{reasonTimeout, "Request timed out"}
	}
	return finding{reasonFailed, "Health checks failed"}
}

func probeHTTP(ctx context.Context, addr netip.AddrPort, c *Check, h2 bool) finding {
	path := c.Path
	if path == "" {
		path = "/"
	}
	resp, err := probeClient(c, h2).RoundTrip(probeRequest(ctx, http.MethodGet, addr, c, path))
	if err != nil {
		return failed(err)
	}
	_ = resp.Body.Close()
	if !Matches(c.Matcher, resp.StatusCode, "200") {
		return finding{reasonMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", resp.StatusCode)}
	}
	return finding{}
}

func probeRequest(ctx context.Context, method string, addr netip.AddrPort, c *Check, path string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, strings.ToLower(c.Protocol)+"://"+addr.String()+path, nil)
	if err != nil { // a path that is no URL: ask for it all the same, escaped
		r, _ = http.NewRequestWithContext(ctx, method, strings.ToLower(c.Protocol)+"://"+addr.String()+"/", nil)
		r.URL.Path = path
	}
	r.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	return r
}

// probeClient returns a client for one probe: each opens a connection of its own, as a
// kept one would not notice that the target's listener is gone.
func probeClient(c *Check, h2 bool) *http.Transport {
	p := new(http.Protocols)
	p.SetHTTP1(!h2)
	p.SetHTTP2(h2 && c.Protocol == "HTTPS")
	p.SetUnencryptedHTTP2(h2 && c.Protocol == "HTTP")
	return &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, Protocols: p,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // targets' certificates are not verified, as at AWS
	}
}

// probeGRPC calls the method that Path names with an empty message. AWS's default is
// /AWS.ALB/healthcheck, expected to be unimplemented (12).
func probeGRPC(ctx context.Context, addr netip.AddrPort, c *Check) finding {
	path := c.Path
	if path == "" {
		path = "/AWS.ALB/healthcheck"
	}
	r := probeRequest(ctx, http.MethodPost, addr, c, path)
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	r.Body, r.ContentLength = emptyMessage(), 5
	resp, err := probeClient(c, true).RoundTrip(r)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = resp.Body.Close() }()
	code := grpcStatus(resp)
	if !Matches(c.Matcher, code, "12") {
		return finding{reasonMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", code)}
	}
	return finding{}
}

// Matches reports whether code is in a matcher such as "200,202" or "200-299".
func Matches(matcher string, code int, byDefault string) bool {
	if matcher == "" {
		matcher = byDefault
	}
	for part := range strings.SplitSeq(matcher, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 == nil && err2 == nil && from <= code && code <= to {
			return true
		}
	}
	return false
}

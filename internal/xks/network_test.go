package xks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/xks"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// all expects every call of c to fail as want, and as nothing else.
func all(t *testing.T, c *xks.Client, want error) {
	t.Helper()
	each(t.Context(), c, func(op string, err error) {
		for _, e := range []error{xks.ErrUnreachable, xks.ErrTimeout, xks.ErrInvalidTLS, xks.ErrInvalidResponse} {
			if errors.Is(err, e) != (e == want) { //nolint:errorlint // the sentinel itself is meant
				t.Errorf("%s: error = %v; is it %q: %t", op, err, e, errors.Is(err, e))
			}
		}
	})
}

func TestSlowProxy(t *testing.T) {
	t.Parallel()
	p := start(t)
	cfg := config(p)
	cfg.Timeout = 100 * time.Millisecond
	p.Delay(time.Hour)
	all(t, open(t, cfg), xks.ErrTimeout)
	p.Delay(time.Millisecond)
	if _, err := open(t, config(p)).Health(t.Context(), alice); err != nil {
		t.Errorf("Health, a little late: %v", err)
	}
}

// TestStalledProxy stops in the middle of an answer, and of a handshake.
func TestStalledProxy(t *testing.T) {
	t.Parallel()
	p := start(t)
	cfg := config(p)
	cfg.Timeout = 100 * time.Millisecond
	p.Answer(func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		<-t.Context().Done()
		panic(http.ErrAbortHandler)
	})
	all(t, open(t, cfg), xks.ErrTimeout)

	l, err := net.Listen("tcp", "127.0.0.1:0") // no one accepts, so that nothing is said
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg.Endpoint = "https://" + l.Addr().String()
	all(t, open(t, cfg), xks.ErrTimeout)
}

// TestCallerGivesUp ends the caller's own context: by cancelling, which is no
// fault of the proxy's, and by a deadline, which is one like the client's.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	p.Delay(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Health(ctx, alice); !errors.Is(err, context.Canceled) || errors.Is(err, xks.ErrTimeout) {
		t.Errorf("Health = %v, want %v alone", err, context.Canceled)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Health(ctx, alice); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, xks.ErrTimeout) {
		t.Errorf("Health = %v, want %v", err, xks.ErrTimeout)
	}
}

// TestSkew signs as far from the proxy's time as it goes, and farther.
func TestSkew(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	p := xksproxy.Start(t, now.Now)
	p.AddKey(keyID)
	for off, want := range map[time.Duration]string{
		0: "", 5 * time.Minute: "", -5 * time.Minute: "",
		5*time.Minute + time.Second:  xks.NameAuthenticationFailed,
		-5*time.Minute - time.Second: xks.NameAuthenticationFailed,
		24 * time.Hour:               xks.NameAuthenticationFailed,
	} {
		cfg := config(p)
		cfg.Clock = clock.NewFake(now.Now().Add(off))
		if _, err := open(t, cfg).Metadata(t.Context(), keyID, alice); errorName(err) != want || want == "" && err != nil {
			t.Errorf("off by %v: error = %v, want %q", off, err, want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(start(t))
	cfg.Endpoint = "https://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all(t, open(t, cfg), xks.ErrUnreachable)

	cfg.Endpoint = "https://nowhere.invalid"
	cfg.Client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done() // a host that drops what is sent to it
		return nil, ctx.Err()
	}}}
	cfg.Timeout = 50 * time.Millisecond
	all(t, open(t, cfg), xks.ErrUnreachable)
}

// TestInvalidTLS offers certificates and versions that KMS mustn't take.
func TestInvalidTLS(t *testing.T) {
	t.Parallel()
	now := clock.System{}.Now
	for name, tt := range map[string]struct {
		server   *tls.Config
		endpoint string
		roots    *x509.CertPool
	}{
		"expired":         {server: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{xksproxy.Certificate(t, 2001)}}},
		"of another host": {server: &tls.Config{MinVersion: tls.VersionTLS12}, endpoint: "https://other.invalid"},
		"of no authority": {server: &tls.Config{MinVersion: tls.VersionTLS12}, roots: x509.NewCertPool()},
		"TLS 1.1":         {server: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		"a weaker suite": {server: &tls.Config{
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		}},
		"a client certificate asked for, TLS 1.2": {server: &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}},
		"a client certificate asked for, TLS 1.3": {server: &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}},
	} {
		p := xksproxy.StartTLS(t, now, tt.server)
		cfg := config(p)
		if tt.endpoint != "" {
			cfg.Endpoint, cfg.Client = tt.endpoint, p.HTTP
		}
		if tt.roots != nil {
			cfg.Roots = tt.roots
		}
		t.Run(name, func(t *testing.T) { all(t, open(t, cfg), xks.ErrInvalidTLS) })
	}
}

// TestTLSVersions takes both versions of the specification, and a host by name.
func TestTLSVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		p := xksproxy.StartTLS(t, clock.System{}.Now, &tls.Config{MinVersion: version, MaxVersion: version})
		cfg := config(p)
		cfg.Endpoint, cfg.Client = "https://xks.example.com", p.HTTP
		if _, err := open(t, cfg).Health(t.Context(), alice); err != nil {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestMutualTLS brings a client certificate in by Config.Client.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	p := xksproxy.StartTLS(t, clock.System{}.Now, &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert})
	cfg := config(p)
	transport := p.HTTP.Transport.(*http.Transport)
	transport.TLSClientConfig.Certificates = []tls.Certificate{xksproxy.Certificate(t, 2100)}
	cfg.Client = p.HTTP
	if _, err := open(t, cfg).Health(t.Context(), alice); err != nil {
		t.Errorf("Health = %v", err)
	}
}

// peer serves TLS with no HTTP on top: it writes say after the request's start
// has come, and hangs up.
func peer(t *testing.T, say string) (endpoint string, roots *x509.CertPool) {
	t.Helper()
	certificate := xksproxy.Certificate(t, 2100)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<10))
			_, _ = conn.Write([]byte(say))
			_ = conn.Close()
		}
	}()
	roots = x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	return "https://" + l.Addr().String(), roots
}

// TestBrokenHTTP has a peer that speaks TLS but breaks HTTP.
func TestBrokenHTTP(t *testing.T) {
	t.Parallel()
	for say, want := range map[string]error{
		"":                             xks.ErrUnreachable,
		"220 mail.example.com ESMTP\n": xks.ErrInvalidResponse,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{": xks.ErrInvalidResponse,
	} {
		cfg := config(start(t))
		cfg.Endpoint, cfg.Roots = peer(t, say)
		all(t, open(t, cfg), want)
	}
}

// TestIdleConnections keeps one connection for calls in a row, and gets over its
// end.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	p := start(t)
	var dials int
	cfg := config(p)
	transport := p.HTTP.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++ // the calls come one after the other
		return dial(ctx, network, addr)
	}
	cfg.Client = p.HTTP
	c := open(t, cfg)
	for range 5 {
		if _, err := c.Metadata(t.Context(), keyID, alice); err != nil {
			t.Fatal(err)
		}
	}
	if dials != 1 {
		t.Errorf("%d connections for 5 calls, want 1", dials)
	}
	p.Hangup()
	for range 5 {
		if _, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte("p")}, alice); err != nil {
			t.Errorf("Encrypt after the proxy hung up: %v", err)
		}
		p.Hangup()
	}
}

// TestHTTP1 has a proxy that prefers HTTP/2, and a client that would take it.
func TestHTTP1(t *testing.T) {
	t.Parallel()
	p := xksproxy.StartTLS(t, clock.System{}.Now, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	cfg := config(p)
	cfg.Client = p.HTTP
	cfg.Client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	if _, err := open(t, cfg).Health(t.Context(), alice); err != nil {
		t.Errorf("Health = %v", err)
	}
	if got := p.Last().Protocol; got != "HTTP/1.1" {
		t.Errorf("the call came by %s, want HTTP/1.1", got)
	}
}

// BenchmarkEncrypt seals a data key over TLS on loopback.
func BenchmarkEncrypt(b *testing.B) {
	c := open(b, config(start(b)))
	in := xks.EncryptInput{Plaintext: make([]byte, 32), AAD: make([]byte, 64)}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Encrypt(b.Context(), keyID, in, alice); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

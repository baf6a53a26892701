package nlb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// named is a TCP target that greets with its name and then echoes.
func named(t *testing.T, name string) netip.AddrPort {
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
				defer c.Close()
				fmt.Fprint(c, name)
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

type world struct {
	*nlb.Balancer
	addr  string
	port  uint16
	group *target.Group
	cfg   target.Config
}

func start(t *testing.T, l nlb.Listener, cfg target.Config, targets ...netip.AddrPort) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Balancer: nlb.New(), addr: ln.Addr().String(), port: uint16(ln.Addr().(*net.TCPAddr).Port), group: target.NewGroup(clock.System{})}
	for i, a := range targets {
		cfg.Targets = append(cfg.Targets, target.Target{ID: fmt.Sprint(i), Address: a})
	}
	cfg.ARN, cfg.Protocol, cfg.Health.Disabled = "g", "TCP", true
	w.cfg = cfg
	w.group.Apply(t.Context(), &cfg, true)
	l.Port, l.Group = w.port, "g"
	if err := w.Apply(&nlb.Config{Listeners: []nlb.Listener{l}}, map[string]*target.Group{"g": w.group}); err != nil {
		t.Fatal(err)
	}
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
		w.group.Close()
	})
	return w
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, n)
	n, err := io.ReadFull(c, b)
	if err != nil {
		t.Errorf("read: %v", err)
	}
	return string(b[:n])
}

// TestSourceAffinity keeps a client with its target; without stickiness flows spread.
func TestSourceAffinity(t *testing.T) {
	t.Parallel()
	for _, sticky := range []bool{true, false} {
		cfg := target.Config{}
		if sticky {
			cfg.Sticky.Type = "source_ip"
		}
		w := start(t, nlb.Listener{Protocol: "TCP"}, cfg, named(t, "a"), named(t, "b"), named(t, "c"))
		met := map[string]int{}
		for range 40 {
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			met[read(t, c, 1)]++
			_ = c.Close()
		}
		if (len(met) == 1) != sticky {
			t.Errorf("sticky %v: %v", sticky, met)
		}
	}
}

func TestTLSListener(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	w := start(t, nlb.Listener{Protocol: "TLS", TLS: conf}, target.Config{}, named(t, "x"))
	c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "hello")
	if got := read(t, c, 6); got != "xhello" {
		t.Errorf("got %q", got)
	}
	_ = c.CloseWrite()
	if rest, err := io.ReadAll(c); len(rest) != 0 || err != nil {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// TestDeregistration ends flows of a target that is gone, where the group says so.
func TestDeregistration(t *testing.T) {
	t.Parallel()
	for _, terminate := range []bool{true, false} {
		w := start(t, nlb.Listener{Protocol: "TCP"}, target.Config{TerminateOnDeregistration: terminate, DeregistrationDelay: time.Millisecond}, named(t, "x"))
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		read(t, c, 1)
		w.cfg.Targets = nil
		w.group.Apply(t.Context(), &w.cfg, true)
		_ = c.SetReadDeadline(time.Now().Add(2500 * time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		var ne net.Error
		timeout := err != nil && errors.As(err, &ne) && ne.Timeout()
		if timeout == terminate {
			t.Errorf("terminate %v: read ended with %v", terminate, err)
		}
		fresh, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fresh.Read(make([]byte, 1)); err == nil {
			t.Error("a group without targets took a connection")
		}
		_ = fresh.Close()
	}
}

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	w := start(t, nlb.Listener{Protocol: "TCP", Idle: time.Second}, target.Config{}, named(t, "x"))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read(t, c, 1)
	for range 4 { // one side talking keeps both alive
		time.Sleep(100 * time.Millisecond)
		fmt.Fprint(c, "y")
		read(t, c, 1)
	}
	begin := time.Now()
	_ = c.SetReadDeadline(begin.Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(begin) > 4*time.Second {
		t.Errorf("idle connection ended after %v with %v", time.Since(begin), err)
	}
}

// TestProxyHeader has the examples' bytes by hand from the specification's §2.2.
func TestProxyHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ client, local, want string }{
		{"192.0.2.1:4660", "198.51.100.2:80", "0d0a0d0a000d0a515549540a2111000cc0000201c633640212340050"},
		{"[2001:db8::1]:1", "198.51.100.2:80", "0d0a0d0a000d0a515549540a2121002420010db800000000000000000000000100000000000000000000ffffc633640200010050"},
	} {
		got := hex.EncodeToString(nlb.ProxyHeader(netip.MustParseAddrPort(tt.client), netip.MustParseAddrPort(tt.local)))
		if got != tt.want {
			t.Errorf("%s to %s: %s, want %s", tt.client, tt.local, got, tt.want)
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	t.Parallel()
	groups := map[string]*target.Group{"g": target.NewGroup(clock.System{})}
	for name, l := range map[string][]nlb.Listener{
		"no group":       {{Port: 1, Protocol: "TCP", Group: "x"}},
		"no certificate": {{Port: 1, Protocol: "TLS", Group: "g"}},
		"port twice":     {{Port: 1, Protocol: "TCP", Group: "g"}, {Port: 1, Protocol: "TCP_UDP", Group: "g"}},
	} {
		if err := nlb.New().Apply(&nlb.Config{Listeners: l}, groups); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
}

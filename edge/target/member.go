package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// ConnectTimeout is how long a target has to accept a connection (Application Load
// Balancer guide, "HTTP 504").
const ConnectTimeout = 10 * time.Second

// idleLimit ends kept connections before most targets do, and maxIdle bounds them.
const (
	idleLimit = 55 * time.Second
	maxIdle   = 256
)

// A Member is one target at run time. It outlives configurations that keep its address.
type Member struct {
	Target Target
	// Key names the member in a stickiness cookie, stable over restarts.
	Key uint64
	// Outstanding counts requests or connections under way.
	Outstanding atomic.Int64

	tls       bool
	healthyAt atomic.Int64 // Unix nanoseconds when it became healthy, for slow start
	gone      atomic.Bool
	h2        http.RoundTripper

	mu   sync.Mutex // guards idle and the health fields below
	idle []*Conn
	health
}

func newMember(t Target, cfg *Config) *Member {
	h := fnv.New64a()
	_, _ = io.WriteString(h, t.ID+"|"+t.Address.String())
	m := &Member{Target: t, Key: h.Sum64(), tls: cfg.Protocol == "HTTPS" || cfg.Protocol == "TLS"}
	m.state, m.reason = Initial, reasonRegistering
	if cfg.Version == "HTTP2" || cfg.Version == "GRPC" {
		m.h2 = m.transport()
	}
	return m
}

// A Conn is a kept HTTP/1 connection to a target.
type Conn struct {
	net.Conn
	In     *http1.Reader
	Out    []byte // scratch for the next message's head
	Reused bool
	since  time.Time
}

// Acquire returns a connection for one exchange: a kept one, or a new one when fresh is
// set or none is kept. checked makes sure that a kept one was not closed meanwhile.
func (m *Member) Acquire(ctx context.Context, fresh, checked bool) (*Conn, error) {
	for !fresh {
		c := m.pop()
		if c == nil {
			break
		}
		if (clock.System{}).Now().Sub(c.since) > idleLimit || checked && !alive(c.Conn) {
			_ = c.Close()
			continue
		}
		c.Reused = true
		return c, nil
	}
	nc, err := m.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: nc, In: http1.NewReader(nc)}, nil
}

func (m *Member) pop() *Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.idle)
	if n == 0 {
		return nil
	}
	c := m.idle[n-1]
	m.idle[n-1] = nil
	m.idle = m.idle[:n-1]
	return c
}

// Release keeps a connection for the next exchange. The caller has read the answer to
// its end; deadlines are the next user's to set.
func (m *Member) Release(c *Conn) {
	if c.In.Buffered() > 0 { // bytes that nobody asked for: a poisoned connection
		_ = c.Close()
		return
	}
	c.In.Release()
	c.since = clock.System{}.Now()
	m.mu.Lock()
	keep := len(m.idle) < maxIdle && m.state != Draining
	if keep {
		m.idle = append(m.idle, c)
	}
	m.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
}

// tidy prunes kept connections until ctx ends. They are the machine's, and so is the clock.
func (m *Member) tidy(ctx context.Context) {
	for clock.Sleep(ctx, clock.System{}, idleLimit/2) == nil {
		m.prune(false)
	}
}

// prune ends kept connections that nobody used for long, or all.
func (m *Member) prune(all bool) {
	now := clock.System{}.Now()
	m.mu.Lock()
	var dead []*Conn
	kept := m.idle[:0]
	for _, c := range m.idle {
		if all || now.Sub(c.since) > idleLimit {
			dead = append(dead, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(m.idle[len(kept):])
	m.idle = kept
	m.mu.Unlock()
	for _, c := range dead {
		_ = c.Close()
	}
}

// Dial opens a connection to the target. Targets' certificates are not verified, as at
// AWS (Application Load Balancer guide, "Target groups", HTTPS).
func (m *Member) Dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", m.Target.Address.String())
	if err != nil || !m.tls {
		return nc, err
	}
	tc := tls.Client(nc, m.tlsConfig("http/1.1"))
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("target tls: %w", err)
	}
	return tc, nil
}

func (m *Member) tlsConfig(protocol string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // a load balancer does not verify its targets' certificates
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{protocol},
	}
}

// RoundTripper speaks HTTP/2 to the target, nil where its group speaks HTTP/1.
func (m *Member) RoundTripper() http.RoundTripper { return m.h2 }

func (m *Member) transport() http.RoundTripper {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(m.tls)
	protocols.SetUnencryptedHTTP2(!m.tls)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
			defer cancel()
			var d net.Dialer
			return d.DialContext(ctx, network, m.Target.Address.String())
		},
		TLSClientConfig:    m.tlsConfig("h2"),
		Protocols:          protocols,
		DisableCompression: true,
		IdleConnTimeout:    idleLimit,
	}
}

// alive reports whether a kept connection is still open and silent. What cannot be looked
// at, as TLS, counts as alive: the exchange's retry finds out.
func alive(c net.Conn) bool {
	n, err := peek(c)
	return errors.Is(err, errOpaque) || n < 0 && errors.Is(err, syscall.EAGAIN)
}

// Alive reports whether the peer of c still has its side open, reading nothing.
// Connections that cannot be looked at count as open.
func Alive(c net.Conn) bool {
	n, err := peek(c)
	return n > 0 || errors.Is(err, errOpaque) || errors.Is(err, syscall.EAGAIN)
}

var errOpaque = errors.New("target: connection cannot be looked at")

// peek looks for one byte without waiting: 1 when there is one, 0 at the stream's end,
// and -1 with the error, EAGAIN while it is silent.
func peek(c net.Conn) (n int, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return -1, errOpaque
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("look at connection: %w", err)
	}
	var found error
	// Control, for Read would fail where an old deadline has passed.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, found = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n, errors.Join(err, found)
}

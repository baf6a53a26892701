package alb

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/edge/tlsfp"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// Deps is what a balancer works with.
type Deps struct {
	Clock   clock.Clock   // dates, cookies, logs; sockets' deadlines run on the machine's
	Rand    io.Reader     // trace ids
	Key     [32]byte      // signs stickiness cookies
	Log     func(*Record) // access log; nil writes none. The record is the callee's to keep
	Invoker Invoker       // nil: targets that are functions answer 502
	Pages   Pages         // nil: CAPTCHA and challenge answer their bare status
}

// A Balancer is a running load balancer. Its methods are safe for concurrent use.
type Balancer struct {
	deps      Deps
	live      atomic.Pointer[program]
	h2        *h2Server
	mu        sync.Mutex // guards conns
	conns     map[*client]struct{}
	ended     atomic.Bool
	turn      atomic.Uint64 // spreads weighted groups
	inspected requestPool
}

// program is a compiled Config.
type program struct {
	cfg       *Config
	listeners map[uint16]*listener
	idle      time.Duration
	keepAlive time.Duration
}

type listener struct {
	*Listener
	secure *tls.Config
	rules  []*rule
}

// New returns a balancer that refuses everything until Apply.
func New(deps Deps) *Balancer {
	b := &Balancer{deps: deps, conns: map[*client]struct{}{}}
	b.live.Store(&program{cfg: &Config{}})
	b.h2 = newH2Server(b)
	return b
}

// Apply puts cfg in force for requests that begin from now on. groups are the target
// groups by ARN. With an error the configuration before stays in force.
func (b *Balancer) Apply(cfg *Config, groups map[string]*target.Group) error {
	publish, err := b.Prepare(cfg, groups)
	if err == nil {
		publish()
	}
	return err
}

// Prepare compiles cfg; publish puts it in force.
func (b *Balancer) Prepare(cfg *Config, groups map[string]*target.Group) (publish func(), err error) {
	p := &program{cfg: cfg, listeners: map[uint16]*listener{}, idle: cfg.Attributes.IdleTimeout, keepAlive: cfg.Attributes.ClientKeepAlive}
	if p.idle == 0 {
		p.idle = time.Minute
	}
	if p.keepAlive == 0 {
		p.keepAlive = time.Hour
	}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		rules, err := compileRules(l.Rules, groups)
		if err != nil {
			return nil, fmt.Errorf("listener %s: %w", l.ARN, err)
		}
		if p.listeners[l.Port] != nil {
			return nil, fmt.Errorf("listener %s: port %d is taken", l.ARN, l.Port)
		}
		p.listeners[l.Port] = &listener{l, secured(l.TLS, !cfg.Attributes.DisableHTTP2), rules}
	}
	return func() { b.live.Store(p) }, nil
}

// secured offers the protocols that the load balancer speaks.
func secured(c *tls.Config, h2 bool) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	if h2 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	return c
}

// Healthy reports whether any target of the listener at port is healthy, or whether it
// answers without targets.
func (b *Balancer) Healthy(port uint16) bool {
	l := b.live.Load().listeners[port]
	if l == nil {
		return false
	}
	for _, r := range l.rules {
		if len(r.groups) == 0 {
			return true
		}
		for _, g := range r.groups {
			if g.HealthyCount() > 0 || (g.Config().Health.Disabled || g.Config().Lambda) && g.Any() {
				return true
			}
		}
	}
	return false
}

// Groups names the target groups that a configuration routes to.
func (c *Config) Groups() []string {
	var out []string
	for _, l := range c.Listeners {
		for _, r := range l.Rules {
			if r.Action.Forward == nil {
				continue
			}
			for _, w := range r.Action.Forward.Groups {
				out = append(out, w.ARN)
			}
		}
	}
	return out
}

// peer is what is known of a connection.
type peer struct {
	remote, local netip.AddrPort
	port          uint16
	since         time.Time
	trace         string // TID_… of the connection
	tls           *tls.ConnectionState
	hello         *tlsfp.Hello
	certificate   string // ARN of the certificate that was shown
}

// Serve runs one accepted connection of the listener at port to its end. The connection
// may come from a listener of the load balancer's own or from an accelerator, which hands
// over what it accepted, with the client's address.
func (b *Balancer) Serve(ctx context.Context, nc net.Conn, port uint16) {
	c := &client{b: b, nc: nc, raw: nc}
	c.peer = peer{port: port, since: b.deps.Clock.Now(), remote: addrPort(nc.RemoteAddr()), local: addrPort(nc.LocalAddr())}
	if !b.track(c) {
		_ = nc.Close()
		return
	}
	if b.deps.Log != nil {
		var id [16]byte
		_, _ = io.ReadFull(b.deps.Rand, id[:])
		c.trace = "TID_" + hex.EncodeToString(id[:])
	}
	defer b.untrack(c)
	defer func() { _ = c.nc.Close() }()
	l := b.live.Load().listeners[port]
	if l == nil {
		return
	}
	if l.TLS != nil && !c.handshake(ctx, l) {
		return
	}
	if c.tls != nil && c.tls.NegotiatedProtocol == "h2" {
		b.h2.serve(ctx, c)
		return
	}
	c.serve(ctx)
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return ap
}

func (b *Balancer) track(c *client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended.Load() {
		return false
	}
	b.conns[c] = struct{}{}
	return true
}

func (b *Balancer) untrack(c *client) {
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
}

// Drain ends connections as their requests end, and all that remain when ctx ends.
func (b *Balancer) Drain(ctx context.Context) {
	b.ended.Store(true)
	b.h2.drain(ctx)
	for {
		b.mu.Lock()
		left := len(b.conns)
		for c := range b.conns {
			if ctx.Err() != nil || c.idle.Load() {
				_ = c.raw.Close()
			}
		}
		b.mu.Unlock()
		if left == 0 || ctx.Err() != nil {
			return
		}
		_ = clock.Sleep(ctx, clock.System{}, 5*time.Millisecond)
	}
}

// Connections returns how many clients are connected.
func (b *Balancer) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

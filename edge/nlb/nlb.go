// Package nlb is the data plane of a network load balancer: TCP, TLS and UDP listeners
// whose flows go to a target group's members. It looks into no payload, keeps a flow with
// its target, and tells targets of the client by PROXY protocol version 2 where asked.
//
// Flow: Serve or Flow → group by flow hash → copy both ways.
package nlb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Config is one network load balancer. It is immutable once applied.
type Config struct {
	ARN       string
	ID        string // net/name/hash
	Listeners []Listener
}

// A Listener is one port of one protocol.
type Listener struct {
	ARN      string
	Port     uint16
	Protocol string // TCP, TLS, UDP, TCP_UDP
	TLS      *tls.Config
	Group    string        // target group ARN
	Idle     time.Duration // tcp.idle_timeout.seconds; 0 is 350 s, of UDP always 120 s
}

// A Balancer is a running network load balancer.
type Balancer struct {
	live  atomic.Pointer[program]
	seed  maphash.Seed
	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
	ended atomic.Bool
}

type program struct{ listeners map[string]*listener }

type listener struct {
	*Listener
	group *target.Group
}

// New returns a balancer that refuses everything until Apply.
func New() *Balancer {
	b := &Balancer{seed: maphash.MakeSeed(), conns: map[net.Conn]struct{}{}}
	b.live.Store(&program{})
	return b
}

// Apply puts cfg in force for new flows. With an error the one before stays.
func (b *Balancer) Apply(cfg *Config, groups map[string]*target.Group) error {
	publish, err := b.Prepare(cfg, groups)
	if err == nil {
		publish()
	}
	return err
}

// Prepare compiles cfg; publish puts it in force.
func (b *Balancer) Prepare(cfg *Config, groups map[string]*target.Group) (publish func(), err error) {
	p := &program{listeners: map[string]*listener{}}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		g := groups[l.Group]
		if g == nil {
			return nil, fmt.Errorf("listener %s: no target group %s", l.ARN, l.Group)
		}
		if l.Protocol == "TLS" && l.TLS == nil {
			return nil, fmt.Errorf("listener %s: no certificate", l.ARN)
		}
		for _, network := range Networks(l.Protocol) {
			key := Key(network, l.Port)
			if p.listeners[key] != nil {
				return nil, fmt.Errorf("listener %s: port %d is taken", l.ARN, l.Port)
			}
			p.listeners[key] = &listener{l, g}
		}
	}
	return func() { b.live.Store(p) }, nil
}

// Groups names the target groups that a configuration routes to.
func (c *Config) Groups() []string {
	var out []string
	for _, l := range c.Listeners {
		out = append(out, l.Group)
	}
	return out
}

// Healthy reports whether the listener at port has somebody healthy to send to.
func (b *Balancer) Healthy(port uint16) bool {
	l := b.live.Load().listeners[Key("tcp", port)]
	return l != nil && (l.group.HealthyCount() > 0 || l.group.Config().Health.Disabled && l.group.Any())
}

// Networks lists what a protocol listens on: tcp, udp or both.
func Networks(protocol string) []string {
	switch protocol {
	case "UDP":
		return []string{"udp"}
	case "TCP_UDP":
		return []string{"tcp", "udp"}
	default:
		return []string{"tcp"}
	}
}

// Key names a socket within a load balancer.
func Key(network string, port uint16) string { return fmt.Sprintf("%s/%d", network, port) }

const defaultIdle = 350 * time.Second

// Serve runs one accepted connection of the TCP or TLS listener at port to its end.
func (b *Balancer) Serve(ctx context.Context, nc net.Conn, port uint16) {
	defer func() { _ = nc.Close() }()
	l := b.live.Load().listeners[Key("tcp", port)]
	if l == nil || !b.track(nc) {
		return
	}
	defer b.untrack(nc)
	idle := l.Idle
	if idle == 0 {
		idle = defaultIdle
	}
	m := b.pick(l, AddrPort(nc.RemoteAddr()), AddrPort(nc.LocalAddr()))
	if m == nil {
		return
	}
	m.Outstanding.Add(1)
	defer m.Outstanding.Add(-1)
	client := nc
	if l.TLS != nil {
		tc := tls.Server(nc, l.TLS)
		hs, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if tc.HandshakeContext(hs) != nil {
			return
		}
		client = tc
	}
	up, err := m.Dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	if l.group.Config().ProxyProtocol {
		if _, err := up.Write(ProxyHeader(AddrPort(nc.RemoteAddr()), AddrPort(nc.LocalAddr()))); err != nil {
			return
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close(); _ = up.Close() })
	defer stop()
	Pipe(client, up, idle, func() bool { return b.ends(l, m) })
}

// ends reports whether a flow must end because its target went or fell ill.
func (b *Balancer) ends(l *listener, m *target.Member) bool {
	cfg := l.group.Config()
	return m.Gone() && cfg.TerminateOnDeregistration || m.State() == target.Unhealthy && !cfg.KeepUnhealthy && l.group.HealthyCount() > 0
}

// pick chooses by the flow's hash, or by the client's address alone with source_ip
// stickiness.
func (b *Balancer) pick(l *listener, remote, local netip.AddrPort) *target.Member {
	var h maphash.Hash
	h.SetSeed(b.seed)
	_, _ = h.Write(remote.Addr().AsSlice())
	if l.group.Config().Sticky.Type != "source_ip" {
		_, _ = h.WriteString(remote.String() + local.String())
	}
	return l.group.PickHash(h.Sum64())
}

// AddrPort returns the address of a TCP or UDP peer, unmapped.
func AddrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch t := a.(type) {
	case *net.TCPAddr:
		ap = t.AddrPort()
	case *net.UDPAddr:
		ap = t.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (b *Balancer) track(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended.Load() {
		return false
	}
	b.conns[c] = struct{}{}
	return true
}

func (b *Balancer) untrack(c net.Conn) {
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
}

// Drain refuses new connections and ends those under way when ctx ends.
func (b *Balancer) Drain(ctx context.Context) {
	b.ended.Store(true)
	for {
		b.mu.Lock()
		left := len(b.conns)
		if ctx.Err() != nil {
			for c := range b.conns {
				_ = c.Close()
			}
		}
		b.mu.Unlock()
		if left == 0 || ctx.Err() != nil {
			return
		}
		_ = clock.Sleep(ctx, clock.System{}, 5*time.Millisecond)
	}
}

// Pipe copies both ways until both sides ended, one is broken, both are silent for idle,
// or ended says so; it is asked at least once a second. Between two sockets the kernel
// moves the bytes.
func Pipe(a, b net.Conn, idle time.Duration, ended func() bool) {
	var last atomic.Int64
	last.Store(clock.System{}.Now().UnixNano())
	done := make(chan struct{})
	go func() {
		defer close(done)
		move(a, b, &last, idle, ended)
	}()
	move(b, a, &last, idle, ended)
	<-done
}

const look = time.Second

// move copies one way. last is when either way last moved a byte.
func move(dst, src net.Conn, last *atomic.Int64, idle time.Duration, ended func() bool) {
	for {
		begin := clock.System{}.Now()
		_ = src.SetReadDeadline(begin.Add(min(look, idle)))
		_ = dst.SetWriteDeadline(begin.Add(look + idle))
		n, err := io.Copy(dst, src)
		now := clock.System{}.Now()
		if n > 0 {
			last.Store(now.UnixNano())
		}
		var timeout net.Error
		switch {
		case err == nil: // the end of the stream
			if h, ok := dst.(interface{ CloseWrite() error }); !ok || h.CloseWrite() != nil {
				_ = dst.Close()
			}
			return
		case errors.As(err, &timeout) && timeout.Timeout():
			stuck := now.Sub(begin) >= look+idle // it is the writing that timed out
			if !stuck && now.UnixNano()-last.Load() < int64(idle) && !ended() {
				continue
			}
		}
		_, _ = dst.Close(), src.Close()
		return
	}
}

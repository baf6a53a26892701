// Package accelerator is the data plane of Global Accelerator: fixed addresses whose
// connections go to endpoints by traffic dial, weight, health and client affinity. A
// connection to a load balancer of this edge is handed over as it was accepted, so that
// the balancer sees the client's own address; others are spliced.
//
// Flow: Serve or Flow → endpoint group by dial → endpoint by weight → hand over.
package accelerator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Config is one accelerator. It is immutable once applied.
type Config struct {
	ARN       string
	Enabled   bool
	Addresses []netip.Addr // held for its lifetime, also while disabled
	Listeners []Listener
}

// A Listener is a set of ports of one protocol.
type Listener struct {
	ARN      string
	Protocol string // TCP, UDP
	Ports    []PortRange
	Affinity string // NONE, SOURCE_IP
	Groups   []Group
}

// A PortRange includes both ends.
type PortRange struct{ From, To uint16 }

// A Group is an endpoint group. Groups come in the order in which a client's traffic
// prefers them, nearest Region first.
type Group struct {
	ARN       string
	Dial      float64 // percent of the traffic that gets here
	Overrides map[uint16]uint16
	Health    target.Check
	Endpoints []Endpoint
}

// An Endpoint takes traffic. One with a LoadBalancer that this edge runs gets connections
// in process; any other is reached at Address.
type Endpoint struct {
	ID               string
	Weight           int // 0 to 255
	LoadBalancer     string
	Address          netip.Addr
	PreserveClientIP bool
	ProxyProtocol    bool
}

// Local finds load balancers that run in this process.
type Local interface {
	// Handler returns what serves connections to the balancer's port, nil for others, and
	// whether it has healthy targets.
	Handler(arn string, port uint16) (serve func(context.Context, net.Conn), healthy bool)
}

// An Accelerator is a running accelerator.
type Accelerator struct {
	clk    clock.Clock
	local  Local
	seed   maphash.Seed
	live   atomic.Pointer[program]
	mu     sync.Mutex // guards probes
	probes map[string]*target.Group
}

type program struct {
	enabled   bool
	listeners map[string]*Listener
	probes    map[string]*target.Group
}

// New returns an accelerator that refuses everything until Apply.
func New(clk clock.Clock, local Local) *Accelerator {
	a := &Accelerator{clk: clk, local: local, seed: maphash.MakeSeed(), probes: map[string]*target.Group{}}
	a.live.Store(&program{})
	return a
}

// maxPorts bounds the sockets of one accelerator.
const maxPorts = 1024

// Ports lists what an accelerator listens on, by nlb.Key, with the listener of each.
func (c *Config) Ports() (map[string]*Listener, error) {
	out := map[string]*Listener{}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		for _, r := range l.Ports {
			for p := int(r.From); p <= int(r.To); p++ {
				key := nlb.Key(network(l.Protocol), uint16(p)) //nolint:gosec // between two ports
				if out[key] != nil {
					return nil, fmt.Errorf("listener %s: port %d is taken", l.ARN, p)
				}
				if out[key] = l; len(out) > maxPorts {
					return nil, fmt.Errorf("accelerator %s: more than %d ports", c.ARN, maxPorts)
				}
			}
		}
	}
	return out, nil
}

func network(protocol string) string {
	if protocol == "UDP" {
		return "udp"
	}
	return "tcp"
}

// Prepare checks cfg; publish puts it in force and probes endpoints until ctx ends.
func (a *Accelerator) Prepare(ctx context.Context, cfg *Config) (publish func(), err error) {
	ports, err := cfg.Ports()
	if err != nil {
		return nil, err
	}
	return func() { a.publish(ctx, cfg, ports) }, nil
}

func (a *Accelerator) publish(ctx context.Context, cfg *Config, ports map[string]*Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := map[string]*target.Group{}
	for _, l := range cfg.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if e.Address.IsValid() && g.Health.Port != 0 {
					next[g.ARN+"|"+e.ID] = a.probe(ctx, g, e)
				}
			}
		}
	}
	old := a.probes
	a.probes = next
	a.live.Store(&program{enabled: cfg.Enabled, listeners: ports, probes: next})
	for key, g := range old {
		if next[key] != g {
			g.Close()
		}
	}
}

// probe keeps the checks of an endpoint that stays. a.mu is held.
func (a *Accelerator) probe(ctx context.Context, g Group, e Endpoint) *target.Group {
	p := a.probes[g.ARN+"|"+e.ID]
	if p == nil {
		p = target.NewGroup(a.clk)
	}
	p.Apply(ctx, &target.Config{
		ARN: g.ARN, Protocol: "TCP", Health: g.Health,
		Targets: []target.Target{{ID: e.ID, Address: netip.AddrPortFrom(e.Address, g.Health.Port)}},
	}, true)
	return p
}

// Close ends the probes.
func (a *Accelerator) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range a.probes {
		g.Close()
	}
	a.probes = map[string]*target.Group{}
	a.live.Store(&program{})
}

// choice is where a flow goes.
type choice struct {
	endpoint *Endpoint
	port     uint16
	serve    func(context.Context, net.Conn)
}

// choose finds the endpoint of a flow; ok is false when there is none.
func (a *Accelerator) choose(key string, port uint16, client, local netip.AddrPort) (c choice, ok bool) {
	p := a.live.Load()
	l := p.listeners[key]
	if l == nil || !p.enabled {
		return c, false
	}
	flow := a.hash(l, client, local)
	healthy := a.anyHealthy(p, l, port)
	var fallback *Group
	for i := range l.Groups {
		g := &l.Groups[i]
		if g.Dial <= 0 || len(a.usable(p, g, port, healthy)) == 0 {
			continue
		}
		if fallback == nil {
			fallback = g
		}
		if float64(target.Mix(flow^uint64(i+1))%10000) < g.Dial*100 {
			fallback = g
			break
		}
	}
	if fallback == nil {
		return c, false
	}
	return a.weigh(a.usable(p, fallback, port, healthy), flow)
}

// hash is of the flow's five parts, or of the two addresses (Global Accelerator guide,
// "Client affinity").
func (a *Accelerator) hash(l *Listener, client, local netip.AddrPort) uint64 {
	var b [36]byte
	c, d := client.Addr().As16(), local.Addr().As16()
	copy(b[:16], c[:])
	copy(b[16:32], d[:])
	if l.Affinity != "SOURCE_IP" {
		binary.BigEndian.PutUint16(b[32:], client.Port())
		binary.BigEndian.PutUint16(b[34:], local.Port())
	}
	return maphash.Bytes(a.seed, b[:])
}

// usable lists the endpoints of a group that may take a flow. When nobody is healthy,
// everybody may.
func (a *Accelerator) usable(p *program, g *Group, port uint16, onlyHealthy bool) []choice {
	if to, ok := g.Overrides[port]; ok {
		port = to
	}
	var out []choice
	for i := range g.Endpoints {
		e := &g.Endpoints[i]
		if e.Weight <= 0 {
			continue
		}
		c := choice{endpoint: e, port: port}
		ok := true
		if e.LoadBalancer != "" {
			c.serve, ok = a.local.Handler(e.LoadBalancer, port)
		}
		if c.serve == nil {
			if !e.Address.IsValid() {
				continue
			}
			probe := p.probes[g.ARN+"|"+e.ID]
			ok = probe == nil || probe.HealthyCount() > 0
		}
		if ok || !onlyHealthy {
			out = append(out, c)
		}
	}
	return out
}

func (a *Accelerator) anyHealthy(p *program, l *Listener, port uint16) bool {
	for i := range l.Groups {
		if len(a.usable(p, &l.Groups[i], port, true)) > 0 {
			return true
		}
	}
	return false
}

func (a *Accelerator) weigh(in []choice, flow uint64) (choice, bool) {
	total := 0
	for _, c := range in {
		total += c.endpoint.Weight
	}
	if total == 0 {
		return choice{}, false
	}
	left := int(flow % uint64(total)) //nolint:gosec // below total, an int
	for _, c := range in {
		if left -= c.endpoint.Weight; left < 0 {
			return c, true
		}
	}
	return choice{}, false
}

const tcpIdle = 340 * time.Second // Global Accelerator guide, "Idle timeout"

var errNoEndpoint = errors.New("accelerator: no endpoint")

// Serve runs one accepted connection of the TCP listener at port to its end.
func (a *Accelerator) Serve(ctx context.Context, nc net.Conn, port uint16) {
	client, local := nlb.AddrPort(nc.RemoteAddr()), nlb.AddrPort(nc.LocalAddr())
	c, ok := a.choose(nlb.Key("tcp", port), port, client, local)
	switch {
	case !ok:
		_ = nc.Close()
	case c.serve != nil:
		c.serve(ctx, nc)
	default:
		_ = a.splice(ctx, nc, c)
	}
}

// splice carries a connection to an endpoint outside of this process. Its source address
// is this machine's: with ProxyProtocol the endpoint is told of the client.
func (a *Accelerator) splice(ctx context.Context, nc net.Conn, c choice) error {
	defer func() { _ = nc.Close() }()
	d := net.Dialer{Timeout: 10 * time.Second}
	up, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(c.endpoint.Address, c.port).String())
	if err != nil {
		return errors.Join(errNoEndpoint, err)
	}
	defer func() { _ = up.Close() }()
	if c.endpoint.ProxyProtocol {
		if _, err := up.Write(nlb.ProxyHeader(nlb.AddrPort(nc.RemoteAddr()), nlb.AddrPort(nc.LocalAddr()))); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close(); _ = up.Close() })
	defer stop()
	nlb.Pipe(nc, up, tcpIdle, func() bool { return false })
	return nil
}

// UDPIdle is how long a UDP flow may be silent (Global Accelerator guide, "Idle timeout").
const UDPIdle = 30 * time.Second

// Flow is an nlb.Chooser for the UDP listener at local's port.
func (a *Accelerator) Flow(client, local netip.AddrPort) (to netip.AddrPort, done func()) {
	c, ok := a.choose(nlb.Key("udp", local.Port()), local.Port(), client, local)
	if !ok || !c.endpoint.Address.IsValid() {
		return netip.AddrPort{}, nil
	}
	return netip.AddrPortFrom(c.endpoint.Address, c.port), func() {}
}

// PreservesClientIP reports whether an endpoint's targets see the client's address: only
// those that get the accepted connection itself do.
func (a *Accelerator) PreservesClientIP(e *Endpoint, port uint16) bool {
	serve, _ := a.local.Handler(e.LoadBalancer, port)
	return e.LoadBalancer != "" && serve != nil
}

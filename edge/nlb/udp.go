package nlb

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// UDPIdle is how long a UDP flow may be silent.
const (
	UDPIdle     = 120 * time.Second // Network Load Balancer guide, "Connection idle timeout"
	maxDatagram = 64 << 10
	maxFlows    = 64 << 10 // of one socket: beyond it new flows are dropped
)

// A Chooser picks where a new flow goes. The zero AddrPort drops it; done is called once
// the flow is over.
type Chooser func(client, local netip.AddrPort) (to netip.AddrPort, done func())

// Flow is a Chooser for the UDP listener at local's port.
func (b *Balancer) Flow(client, local netip.AddrPort) (to netip.AddrPort, done func()) {
	l := b.live.Load().listeners[Key("udp", local.Port())]
	if l == nil || b.ended.Load() {
		return netip.AddrPort{}, nil
	}
	m := b.pick(l, client, local)
	if m == nil {
		return netip.AddrPort{}, nil
	}
	m.Outstanding.Add(1)
	return m.Target.Address, func() { m.Outstanding.Add(-1) }
}

// relay is a UDP socket's flows.
type relay struct {
	pc     *net.UDPConn
	idle   time.Duration
	choose Chooser
	mu     sync.Mutex // guards flows
	flows  map[netip.AddrPort]*flow
	tasks  sync.WaitGroup
}

type flow struct {
	up   *net.UDPConn
	done func()
}

// Relay takes datagrams from clients of pc, sends those of one client to one place, and
// what comes back to the client. A flow ends after idle without an answer.
func Relay(ctx context.Context, pc *net.UDPConn, idle time.Duration, choose Chooser) {
	r := &relay{pc: pc, idle: idle, choose: choose, flows: map[netip.AddrPort]*flow{}}
	stop := context.AfterFunc(ctx, func() { _ = pc.Close() })
	defer stop()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err != nil {
			break
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if f := r.flow(ctx, from); f != nil {
			_ = f.up.SetReadDeadline(clock.System{}.Now().Add(idle))
			_, _ = f.up.Write(buf[:n]) // a target that is gone loses it, as UDP does
		}
	}
	r.mu.Lock()
	for _, f := range r.flows {
		_ = f.up.Close()
	}
	r.mu.Unlock()
	r.tasks.Wait()
}

// flow finds or opens the client's flow.
func (r *relay) flow(ctx context.Context, from netip.AddrPort) *flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flows[from]; f != nil {
		return f
	}
	if len(r.flows) >= maxFlows || ctx.Err() != nil {
		return nil
	}
	to, done := r.choose(from, AddrPort(r.pc.LocalAddr()))
	if !to.IsValid() {
		return nil
	}
	up, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		done()
		return nil
	}
	f := &flow{up, done}
	r.flows[from] = f
	r.tasks.Go(func() { r.back(from, f) })
	return f
}

// back sends answers to the client until the flow is idle.
func (r *relay) back(client netip.AddrPort, f *flow) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := f.up.Read(buf)
		if err != nil {
			break
		}
		_ = f.up.SetReadDeadline(clock.System{}.Now().Add(r.idle))
		_, _ = r.pc.WriteToUDPAddrPort(buf[:n], client)
	}
	r.mu.Lock()
	delete(r.flows, client)
	r.mu.Unlock()
	_ = f.up.Close()
	f.done()
}

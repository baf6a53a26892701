// Package edge owns the sockets of the data plane. It runs the load balancers and
// accelerators of one configuration, opens and closes listeners by what changed, and
// never drops a request for a new configuration. A configuration that cannot be run as a
// whole is refused as a whole, and the one before goes on.
//
// Flow: Config → Apply → accept → alb, nlb or accelerator → target.
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/accelerator"
	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Config is all that an edge runs. It is immutable once applied.
type Config struct {
	LoadBalancers []LoadBalancer
	Accelerators  []accelerator.Config
	Groups        []target.Config
}

// A LoadBalancer is an application or a network load balancer, and where it listens.
type LoadBalancer struct {
	Addresses   []netip.Addr
	Application *alb.Config
	Network     *nlb.Config
}

// Deps is what an edge works with.
type Deps struct {
	Clock   clock.Clock
	Rand    io.Reader
	Key     [32]byte // signs stickiness cookies; the same on every edge of a balancer
	Log     func(*alb.Record)
	Invoker alb.Invoker
	Pages   alb.Pages
	// DrainTimeout bounds how long a deleted balancer's connections may go on; 0 is 30 s.
	DrainTimeout time.Duration
}

// An Edge is a running data plane. Its methods are safe for concurrent use.
type Edge struct {
	deps  Deps
	ctx   context.Context // the life of sockets and probes, which outlive the Apply that began them
	end   context.CancelFunc
	tasks sync.WaitGroup
	state atomic.Pointer[state]
	mu    sync.Mutex // one Apply at a time
}

// state is what runs under one configuration.
type state struct {
	groups       map[string]*target.Group
	applications map[string]*alb.Balancer
	networks     map[string]*nlb.Balancer
	accelerators map[string]*accelerator.Accelerator
	sockets      map[socketKey]*socket
}

func newState() *state {
	return &state{
		groups: map[string]*target.Group{}, applications: map[string]*alb.Balancer{}, networks: map[string]*nlb.Balancer{},
		accelerators: map[string]*accelerator.Accelerator{}, sockets: map[socketKey]*socket{},
	}
}

// New returns an edge that runs nothing.
func New(deps Deps) *Edge {
	if deps.DrainTimeout == 0 {
		deps.DrainTimeout = 30 * time.Second
	}
	e := &Edge{deps: deps}
	e.ctx, e.end = context.WithCancel(context.Background())
	e.state.Store(newState())
	return e
}

// ErrClosed is returned by Apply after Close.
var ErrClosed = errors.New("edge: closed")

// Apply puts cfg in force, or returns why it cannot be and leaves the one before in
// force. Sockets that stay keep accepting; connections of those that go are served to the
// end of their request.
func (e *Edge) Apply(ctx context.Context, cfg *Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() != nil {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{e: e, cfg: cfg, old: e.state.Load(), next: newState(), used: map[string]bool{}}
	if err := c.prepare(ctx); err != nil {
		c.abandon()
		return err
	}
	c.commit()
	return nil
}

// Health tells of the targets of a group, nil when there is no such group.
func (e *Edge) Health(group string) []target.Status {
	if g := e.state.Load().groups[group]; g != nil {
		return g.Health()
	}
	return nil
}

// Handler implements accelerator.Local.
func (e *Edge) Handler(arn string, port uint16) (serve func(context.Context, net.Conn), healthy bool) {
	s := e.state.Load()
	if b := s.applications[arn]; b != nil {
		return func(ctx context.Context, c net.Conn) { b.Serve(ctx, c, port) }, b.Healthy(port)
	}
	if b := s.networks[arn]; b != nil {
		return func(ctx context.Context, c net.Conn) { b.Serve(ctx, c, port) }, b.Healthy(port)
	}
	return nil, false
}

// Connections returns how many clients an application load balancer has, in all.
func (e *Edge) Connections(arn string) int {
	if b := e.state.Load().applications[arn]; b != nil {
		return b.Connections()
	}
	return 0
}

// Close drains everything for as long as ctx lasts, and ends what is left.
func (e *Edge) Close(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.state.Swap(newState())
	for _, k := range s.sockets {
		k.close()
	}
	var wg sync.WaitGroup
	for _, b := range s.applications {
		wg.Go(func() { b.Drain(ctx) })
	}
	for _, b := range s.networks {
		wg.Go(func() { b.Drain(ctx) })
	}
	wg.Wait()
	e.end()
	for _, a := range s.accelerators {
		a.Close()
	}
	for _, g := range s.groups {
		g.Close()
	}
	e.tasks.Wait()
}

func describe(network string, a netip.AddrPort, err error) error {
	return fmt.Errorf("listen on %s %s: %w", network, a, err)
}

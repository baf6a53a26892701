package edge

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/garrison-cloud/garrison/edge/accelerator"
	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/edge/target"
)

// change is one Apply: everything that can fail happens in prepare, nothing in commit.
type change struct {
	e       *Edge
	cfg     *Config
	old     *state
	next    *state
	used    map[string]bool // groups that a listener routes to
	publish []func()
	opened  []*socket
	serving map[socketKey]server
}

// server is what a socket's connections go to.
type server struct {
	conn func(context.Context, net.Conn, uint16)
	flow nlb.Chooser
	idle time.Duration // of UDP flows
}

func (c *change) prepare(ctx context.Context) error {
	c.serving = map[socketKey]server{}
	for i := range c.cfg.Groups {
		arn := c.cfg.Groups[i].ARN
		if c.next.groups[arn] != nil {
			return fmt.Errorf("target group %s is there twice", arn)
		}
		if c.next.groups[arn] = c.old.groups[arn]; c.next.groups[arn] == nil {
			c.next.groups[arn] = target.NewGroup(c.e.deps.Clock)
		}
	}
	for i := range c.cfg.LoadBalancers {
		if err := c.loadBalancer(&c.cfg.LoadBalancers[i]); err != nil {
			return err
		}
	}
	for i := range c.cfg.Accelerators {
		if err := c.accelerator(&c.cfg.Accelerators[i]); err != nil {
			return err
		}
	}
	return c.open(ctx)
}

func (c *change) loadBalancer(lb *LoadBalancer) error {
	switch {
	case lb.Application != nil:
		return c.application(lb.Application, lb.Addresses)
	case lb.Network != nil:
		return c.network(lb.Network, lb.Addresses)
	}
	return fmt.Errorf("load balancer is neither application nor network")
}

func (c *change) application(cfg *alb.Config, at []netip.Addr) error {
	b := c.old.applications[cfg.ARN]
	if b == nil {
		d := &c.e.deps
		b = alb.New(alb.Deps{Clock: d.Clock, Rand: d.Rand, Key: d.Key, Log: d.Log, Invoker: d.Invoker, Pages: d.Pages})
	}
	publish, err := b.Prepare(cfg, c.next.groups)
	if err != nil {
		return fmt.Errorf("load balancer %s: %w", cfg.ARN, err)
	}
	c.publish = append(c.publish, publish)
	c.next.applications[cfg.ARN] = b
	c.uses(cfg.Groups())
	for _, l := range cfg.Listeners {
		if err := c.wants("tcp", at, l.Port, server{conn: b.Serve}); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) network(cfg *nlb.Config, at []netip.Addr) error {
	b := c.old.networks[cfg.ARN]
	if b == nil {
		b = nlb.New()
	}
	publish, err := b.Prepare(cfg, c.next.groups)
	if err != nil {
		return fmt.Errorf("load balancer %s: %w", cfg.ARN, err)
	}
	c.publish = append(c.publish, publish)
	c.next.networks[cfg.ARN] = b
	c.uses(cfg.Groups())
	for _, l := range cfg.Listeners {
		for _, n := range nlb.Networks(l.Protocol) {
			if err := c.wants(n, at, l.Port, server{b.Serve, b.Flow, nlb.UDPIdle}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *change) accelerator(cfg *accelerator.Config) error {
	a := c.old.accelerators[cfg.ARN]
	if a == nil {
		a = accelerator.New(c.e.deps.Clock, c.e)
	}
	publish, err := a.Prepare(c.e.ctx, cfg)
	if err != nil {
		return err
	}
	c.publish = append(c.publish, publish)
	c.next.accelerators[cfg.ARN] = a
	if !cfg.Enabled {
		return nil
	}
	for _, l := range cfg.Listeners {
		network := "tcp"
		if l.Protocol == "UDP" {
			network = "udp"
		}
		for _, r := range l.Ports {
			for p := int(r.From); p <= int(r.To); p++ {
				if err := c.wants(network, cfg.Addresses, uint16(p), server{a.Serve, a.Flow, accelerator.UDPIdle}); err != nil { //nolint:gosec // between two ports
					return err
				}
			}
		}
	}
	return nil
}

func (c *change) uses(groups []string) {
	for _, g := range groups {
		c.used[g] = true
	}
}

// wants notes the sockets of one listener.
func (c *change) wants(network string, at []netip.Addr, port uint16, s server) error {
	for _, a := range at {
		key := socketKey{network, netip.AddrPortFrom(a, port)}
		if _, taken := c.serving[key]; taken {
			return describe(network, key.at, fmt.Errorf("two listeners want it"))
		}
		c.serving[key] = s
	}
	return nil
}

// open opens the sockets that are not open yet.
func (c *change) open(ctx context.Context) error {
	for key := range c.serving {
		if s := c.old.sockets[key]; s != nil {
			c.next.sockets[key] = s
			continue
		}
		s, err := listen(ctx, key)
		if err != nil {
			return err
		}
		c.opened = append(c.opened, s)
		c.next.sockets[key] = s
	}
	return nil
}

// abandon undoes a prepare that failed.
func (c *change) abandon() {
	for _, s := range c.opened {
		s.close()
	}
}

func (c *change) commit() {
	for i := range c.cfg.Groups {
		g := &c.cfg.Groups[i]
		c.next.groups[g.ARN].Apply(c.e.ctx, g, c.used[g.ARN])
	}
	for _, publish := range c.publish {
		publish()
	}
	for key, s := range c.next.sockets {
		s.serve(c.serving[key])
	}
	c.e.state.Store(c.next)
	for _, s := range c.opened {
		c.e.tasks.Go(func() { s.run(c.e.ctx) })
	}
	for key, s := range c.old.sockets {
		if c.next.sockets[key] == nil {
			s.close()
		}
	}
	c.e.tasks.Go(c.retire)
}

// retire drains what the new configuration no longer has.
func (c *change) retire() {
	ctx, cancel := context.WithTimeout(c.e.ctx, c.e.deps.DrainTimeout)
	defer cancel()
	for arn, b := range c.old.applications {
		if c.next.applications[arn] == nil {
			b.Drain(ctx)
		}
	}
	for arn, b := range c.old.networks {
		if c.next.networks[arn] == nil {
			b.Drain(ctx)
		}
	}
	for arn, a := range c.old.accelerators {
		if c.next.accelerators[arn] == nil {
			a.Close()
		}
	}
	for arn, g := range c.old.groups {
		if c.next.groups[arn] == nil {
			g.Close()
		}
	}
}

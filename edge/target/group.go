package target

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Group is a target group at run time. Its methods are safe for concurrent use, and
// Pick takes no lock.
type Group struct {
	clk   clock.Clock
	cfg   atomic.Pointer[Config]
	ready atomic.Pointer[[]*Member] // who takes new traffic
	all   atomic.Pointer[[]*Member] // everybody, draining ones too
	turn  atomic.Uint64

	mu      sync.Mutex // guards members, cancels, used
	members map[Target]*Member
	cancels map[*Member]context.CancelFunc
	used    bool
	tasks   sync.WaitGroup
}

// NewGroup returns a group without targets. Time for intervals, slow start and draining
// comes from clk; sockets' deadlines run on the machine's clock.
func NewGroup(clk clock.Clock) *Group {
	g := &Group{clk: clk, members: map[Target]*Member{}, cancels: map[*Member]context.CancelFunc{}}
	g.cfg.Store(&Config{})
	g.ready.Store(&[]*Member{})
	g.all.Store(&[]*Member{})
	return g
}

// Config returns the configuration in force.
func (g *Group) Config() *Config { return g.cfg.Load() }

// Apply puts cfg in force. Targets that stay keep their health and their connections,
// new ones are probed until ctx ends or they go, and those that went drain. used says
// that a load balancer routes to the group: without one there are no probes.
func (g *Group) Apply(ctx context.Context, cfg *Config, used bool) {
	g.mu.Lock()
	old := g.cfg.Swap(cfg)
	protocolChanged := old.Protocol != cfg.Protocol || old.Version != cfg.Version
	wanted := map[Target]bool{}
	for _, t := range cfg.Targets {
		wanted[t] = true
	}
	for t, m := range g.members {
		switch {
		case wanted[t] && protocolChanged:
			g.forget(t, m)
		case !wanted[t]:
			g.drain(ctx, m, cfg.DeregistrationDelay)
		}
	}
	restart := g.used != used || old.Health.Disabled != cfg.Health.Disabled
	g.used = used
	for _, t := range cfg.Targets {
		g.admit(ctx, t, cfg, restart)
	}
	g.mu.Unlock()
	g.refresh()
}

// admit adds a target, or brings back one that was draining. g.mu is held.
func (g *Group) admit(ctx context.Context, t Target, cfg *Config, restart bool) {
	m, known := g.members[t]
	if known && m.draining() {
		g.forget(t, m)
		known = false
	}
	if !known {
		m = newMember(t, cfg)
		g.members[t] = m
		restart = true
	}
	if !restart {
		return
	}
	if stop := g.cancels[m]; stop != nil {
		stop()
		delete(g.cancels, m)
	}
	if !g.used || cfg.Lambda {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	g.cancels[m] = stop
	g.tasks.Go(func() { m.tidy(ctx) })
	if !cfg.Health.Disabled {
		g.tasks.Go(func() { g.watch(ctx, m) })
	}
}

// drain lets a member finish what it has, for at most delay. g.mu is held.
func (g *Group) drain(ctx context.Context, m *Member, delay time.Duration) {
	if m.draining() {
		return
	}
	m.mu.Lock()
	m.state, m.reason, m.detail = Draining, reasonDraining, "Target deregistration is in progress"
	m.drained = g.clk.Now().Add(delay)
	until := m.drained
	m.mu.Unlock()
	if stop := g.cancels[m]; stop != nil {
		stop()
	}
	ctx, stop := context.WithCancel(ctx)
	g.cancels[m] = stop
	m.prune(true)
	g.tasks.Go(func() {
		if g.clk.Until(ctx, until) != nil {
			return
		}
		g.mu.Lock()
		if g.members[m.Target] == m {
			g.forget(m.Target, m)
		}
		g.mu.Unlock()
		g.refresh()
	})
}

// forget drops a member and what ran for it. g.mu is held.
func (g *Group) forget(t Target, m *Member) {
	if stop := g.cancels[m]; stop != nil {
		stop()
		delete(g.cancels, m)
	}
	delete(g.members, t)
	m.gone.Store(true)
	m.prune(true)
	if t, ok := m.h2.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// Close ends probes and waits for them.
func (g *Group) Close() {
	g.mu.Lock()
	for t, m := range g.members {
		g.forget(t, m)
	}
	g.mu.Unlock()
	g.refresh()
	g.tasks.Wait()
}

func (m *Member) draining() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state == Draining
}

// Gone reports whether the group has let go of the member: it was deregistered and its
// draining is over.
func (m *Member) Gone() bool { return m.gone.Load() }

// State returns the member's health.
func (m *Member) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// refresh works out anew who takes traffic: the healthy, or everybody when they are too
// few (fail open).
func (g *Group) refresh() {
	g.mu.Lock()
	defer g.mu.Unlock()
	cfg := g.cfg.Load()
	var all, active, healthy []*Member
	for _, m := range g.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Member) int { return compareTargets(a.Target, b.Target) })
	unchecked := cfg.Health.Disabled || cfg.Lambda
	for _, m := range all {
		switch s := m.State(); {
		case s == Draining:
		case s == Healthy || unchecked:
			healthy = append(healthy, m)
			active = append(active, m)
		default:
			active = append(active, m)
		}
	}
	need := max(cfg.MinHealthy, 1, (len(active)*cfg.MinHealthyPercent+99)/100)
	if len(healthy) < need {
		healthy = active
	}
	g.all.Store(&all)
	g.ready.Store(&healthy)
}

func compareTargets(a, b Target) int {
	if c := a.Address.Compare(b.Address); c != 0 {
		return c
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// Health tells of every target, in the order of their addresses.
func (g *Group) Health() []Status {
	g.mu.Lock()
	used, cfg := g.used, g.cfg.Load()
	g.mu.Unlock()
	var out []Status
	for _, m := range *g.all.Load() {
		m.mu.Lock()
		s := Status{Target: m.Target, State: m.state, Reason: m.reason, Description: m.detail}
		m.mu.Unlock()
		switch {
		case s.State == Draining:
		case !used:
			s.State, s.Reason, s.Description = Unused, reasonNotInUse, "Target group is not configured to receive traffic from the load balancer"
		case cfg.Health.Disabled || cfg.Lambda:
			s.State, s.Reason, s.Description = Unavailable, reasonDisabled, "Health checks are not enabled for this target"
		}
		out = append(out, s)
	}
	return out
}

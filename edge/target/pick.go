package target

import "time"

// Pick chooses a member for a new request or connection, nil when the group has none.
func (g *Group) Pick() *Member {
	ready := *g.ready.Load()
	if len(ready) == 0 {
		return nil
	}
	cfg := g.cfg.Load()
	switch cfg.Algorithm {
	case LeastOutstanding:
		return g.least(ready)
	case WeightedRandom:
		return ready[Mix(g.turn.Add(1))%uint64(len(ready))]
	default:
		return g.next(ready, cfg.SlowStart)
	}
}

// PickHash chooses by a hash of the flow: the same flow meets the same member while the
// members stay (rendezvous hashing).
func (g *Group) PickHash(flow uint64) *Member {
	var best *Member
	var top uint64
	for _, m := range *g.ready.Load() {
		if w := Mix(flow ^ m.Key); best == nil || w > top {
			best, top = m, w
		}
	}
	return best
}

// ByKey returns the member that a stickiness cookie names, if it may still be used:
// unhealthy ones lose their clients, draining ones keep them until they are gone.
func (g *Group) ByKey(key uint64) *Member {
	for _, m := range *g.ready.Load() {
		if m.Key == key {
			return m
		}
	}
	for _, m := range *g.all.Load() {
		if m.Key == key && m.draining() {
			return m
		}
	}
	return nil
}

// Any reports whether the group has somebody to send to.
func (g *Group) Any() bool { return len(*g.ready.Load()) > 0 }

// HealthyCount returns how many of the group's targets take traffic because they are healthy.
func (g *Group) HealthyCount() int {
	n := 0
	for _, m := range *g.all.Load() {
		if m.State() == Healthy {
			n++
		}
	}
	return n
}

func (g *Group) least(ready []*Member) *Member {
	start := int(g.turn.Add(1) % uint64(len(ready))) //nolint:gosec // below a length
	best := ready[start]
	for i := 1; i < len(ready); i++ {
		if m := ready[(start+i)%len(ready)]; m.Outstanding.Load() < best.Outstanding.Load() {
			best = m
		}
	}
	return best
}

// next goes round. A member in slow start passes on a share of its turns that falls to
// nothing over the period, unless all others do too.
func (g *Group) next(ready []*Member, slow time.Duration) *Member {
	turn := g.turn.Add(1)
	m := ready[turn%uint64(len(ready))]
	if slow <= 0 {
		return m
	}
	now := g.clk.Now().UnixNano()
	for i := range uint64(len(ready)) {
		c := ready[(turn+i)%uint64(len(ready))]
		age := now - c.healthyAt.Load()
		if age >= int64(slow) || age >= 0 && Mix(turn+i)%1000 < uint64(age*1000/int64(slow)) { //nolint:gosec // not negative here
			return c
		}
	}
	return m
}

// Mix spreads the bits of x (SplitMix64's finalizer): a cheap hash, and no secret.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

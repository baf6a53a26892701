package waf

import (
	"net/netip"
	"slices"
	"strings"
)

// maxForwarded is how many addresses of a header AWS looks at, from the end.
const maxForwarded = 10

// forwarded reads the addresses of a forwarding header. Without the header the
// statement does not apply; with no valid address where it looks, the fallback
// decides.
func (c *run) forwarded(f *ForwardedIP) ([]netip.Addr, outcome) {
	c.ring = c.ring[:0]
	found := false
	for i := range c.r.Headers {
		if h := &c.r.Headers[i]; sameName(h.Name, f.Header) {
			c.readAddresses(h.Value, f.Position)
			found = true
		}
	}
	if !found {
		return nil, absent
	}
	return pickAddresses(c.ring, f)
}

// readAddresses appends the list's addresses, an invalid one as the zero Addr.
func (c *run) readAddresses(list, position string) {
	for more := true; more; {
		var one string
		one, list, more = strings.Cut(list, ",")
		if position == "FIRST" && len(c.ring) > 0 {
			return
		}
		a, err := netip.ParseAddr(strings.Trim(one, " \t"))
		if err != nil {
			a = netip.Addr{}
		}
		if len(c.ring) == maxForwarded {
			c.ring = slices.Delete(c.ring, 0, 1)
		}
		c.ring = append(c.ring, a.WithZone("").Unmap())
	}
}

func pickAddresses(all []netip.Addr, f *ForwardedIP) ([]netip.Addr, outcome) {
	switch f.Position {
	case "FIRST":
		all = all[:1]
	case "LAST":
		all = all[len(all)-1:]
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() })
	switch {
	case len(all) > 0:
		return all, present
	case f.Fallback == FallbackMatch:
		return nil, taken
	}
	return nil, absent
}

type geoNode struct {
	countries map[string]bool
	forwarded *ForwardedIP
	prefix    string
}

func (n *geoNode) cost() int { return 3 }

// eval also labels the request with where it came from, whether or not the
// country is one of the statement's, as AWS does.
func (n *geoNode) eval(c *run) bool {
	addr, o := c.oneAddress(n.forwarded)
	if o != present {
		return o == taken
	}
	if c.p.deps.Geo == nil || !addr.IsValid() {
		return false
	}
	country, region := c.p.deps.Geo.Country(addr)
	if country == "" {
		return false
	}
	c.label(c.p.places.label(n.prefix, "country:", country, ""))
	if region != "" {
		c.label(c.p.places.label(n.prefix, "region:", country, region))
	}
	return n.countries[country]
}

type asnNode struct {
	numbers   map[uint32]bool
	forwarded *ForwardedIP
}

func (n *asnNode) cost() int { return 3 }

func (n *asnNode) eval(c *run) bool {
	addr, o := c.oneAddress(n.forwarded)
	if o != present {
		return o == taken
	}
	if c.p.deps.Geo == nil || !addr.IsValid() {
		return false
	}
	return n.numbers[c.p.deps.Geo.ASN(addr)]
}

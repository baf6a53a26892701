package waf

import (
	"net/netip"
	"slices"
	"strings"
)

// node is a compiled statement.
type node interface {
	eval(c *run) bool
	// cost orders the children of And and Or, the cheapest first.
	cost() int
}

type andNode struct {
	subs []node
	sum  int
}

type orNode struct {
	subs []node
	sum  int
}

type notNode struct{ sub node }

func (n *andNode) eval(c *run) bool {
	for _, s := range n.subs {
		if !s.eval(c) {
			return false
		}
	}
	return true
}

func (n *orNode) eval(c *run) bool {
	for _, s := range n.subs {
		if s.eval(c) {
			return true
		}
	}
	return false
}

func (n *andNode) cost() int { return n.sum }
func (n *orNode) cost() int  { return n.sum }
func (n *notNode) cost() int { return n.sub.cost() }

// eval of a negation tells of no match inside: what matched there is why the
// request did not.
func (n *notNode) eval(c *run) bool {
	kept := len(c.details)
	is := n.sub.eval(c)
	c.details = c.details[:kept]
	return !is
}

// byteNode is ByteMatch. word is its number in the slot's scan, for CONTAINS
// and CONTAINS_WORD.
type byteNode struct {
	slot     int
	search   string
	position Position
	word     int
}

func (n *byteNode) cost() int { return 10 }

func (n *byteNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	if n.position == Contains || n.position == ContainsWord {
		if !c.hits(n.slot, parts).Has(n.word) {
			return false
		}
		if n.position == Contains {
			return true
		}
	}
	return slices.ContainsFunc(parts, n.in)
}

func (n *byteNode) in(s string) bool {
	switch n.position {
	case Exactly:
		return s == n.search
	case StartsWith:
		return strings.HasPrefix(s, n.search)
	case EndsWith:
		return strings.HasSuffix(s, n.search)
	default:
		return containsWord(s, n.search)
	}
}

// containsWord finds search between bytes that are no word's, or the ends.
func containsWord(s, search string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], search)
		if i < 0 {
			return false
		}
		at := from + i
		end := at + len(search)
		if (at == 0 || !wordByte(s[at-1])) && (end == len(s) || !wordByte(s[end])) {
			return true
		}
		from = at + 1
	}
}

type sizeNode struct {
	slot    int
	compare string
	size    int64
}

func (n *sizeNode) cost() int { return 2 }

func (n *sizeNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	for _, p := range parts {
		if n.is(int64(len(p))) {
			return true
		}
	}
	return false
}

func (n *sizeNode) is(length int64) bool {
	switch n.compare {
	case "EQ":
		return length == n.size
	case "NE":
		return length != n.size
	case "LE":
		return length <= n.size
	case "LT":
		return length < n.size
	case "GE":
		return length >= n.size
	default:
		return length > n.size
	}
}

// regexNode is RegexMatch. words are the numbers of strings one of which every
// match contains; where there are none the pattern always runs.
type regexNode struct {
	slot    int
	pattern *pattern
	words   []int
}

func (n *regexNode) cost() int { return 40 }

func (n *regexNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	if len(n.words) > 0 && !n.possible(c, parts) {
		return false
	}
	for _, p := range parts {
		if c.spend(8*len(p)) && n.pattern.re.MatchString(p) {
			return true
		}
	}
	return false
}

func (n *regexNode) possible(c *run, parts []string) bool {
	hits := c.hits(n.slot, parts)
	return slices.ContainsFunc(n.words, hits.Has)
}

type regexSetNode struct {
	slot int
	set  *RegexSet
}

func (n *regexSetNode) cost() int { return 60 }

func (n *regexSetNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	for _, pattern := range *n.set.patterns.Load() {
		for _, p := range parts {
			if c.spend(8*len(p)) && pattern.match(p) {
				return true
			}
		}
	}
	return false
}

type sqliNode struct {
	slot     int
	high     bool
	location string
}

func (n *sqliNode) cost() int { return 30 }

func (n *sqliNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	text, is := c.sqli(n.slot, parts, n.high)
	if is {
		c.details = append(c.details, detail{"SQL_INJECTION", sensitivity(n.high), n.location, text})
	}
	return is
}

func sensitivity(high bool) string {
	if high {
		return "HIGH"
	}
	return "LOW"
}

type xssNode struct {
	slot     int
	location string
}

func (n *xssNode) cost() int { return 30 }

func (n *xssNode) eval(c *run) bool {
	parts, o := c.slot(n.slot)
	if o != present {
		return o == taken
	}
	text, is := c.xss(n.slot, parts)
	if is {
		c.details = append(c.details, detail{kind: "XSS", location: n.location, text: text})
	}
	return is
}

type ipNode struct {
	set       *IPSet
	forwarded *ForwardedIP
}

func (n *ipNode) cost() int { return 1 }

func (n *ipNode) eval(c *run) bool {
	if n.forwarded == nil {
		return n.set.Contains(c.r.ClientIP)
	}
	addrs, o := c.forwarded(n.forwarded)
	if o != present {
		return o == taken
	}
	return slices.ContainsFunc(addrs, n.set.Contains)
}

// oneAddress is the address a statement judges: the connection's, or the first
// of a forwarding header, whose Position the compiler has set to FIRST.
func (c *run) oneAddress(f *ForwardedIP) (netip.Addr, outcome) {
	if f == nil {
		return c.r.ClientIP, present
	}
	addrs, o := c.forwarded(f)
	if o != present {
		return netip.Addr{}, o
	}
	return addrs[0], present
}

package waf

import (
	"net/netip"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"github.com/garrison-cloud/garrison/engine/waf/rate"
	"github.com/garrison-cloud/garrison/engine/waf/token"
)

// Deps are what a program asks while it runs, and what changes under it without
// another compilation. Only what the ACL's rules use must be set.
type Deps struct {
	// IPSet and RegexSet return the live set of an ARN, nil where there is
	// none. They are asked during Compile only; the set is read per request.
	IPSet    func(arn string) *IPSet
	RegexSet func(arn string) *RegexSet
	// Geo locates addresses, nil where the operator brought no data: then
	// GeoMatch and AsnMatch find no country and no number.
	Geo Locator
	// Tokens verifies tokens; where nil every token is invalid.
	Tokens token.Verifier
	// Rates holds the counters; where nil the program has a store of its own.
	Rates *rate.Store
}

// Locator says where an address is. It must be safe for concurrent use.
type Locator interface {
	// Country returns the ISO 3166-1 alpha-2 code, empty where unknown, and the
	// ISO 3166-2 subdivision without its country's prefix, empty where unknown.
	Country(netip.Addr) (country, region string)
	// ASN returns the autonomous system number, 0 where unknown.
	ASN(netip.Addr) uint32
}

// IPSet is an IP set that programs hold and its owner swaps.
type IPSet struct{ table atomic.Pointer[bart.Lite] }

// NewIPSet returns a set of the prefixes.
func NewIPSet(prefixes []netip.Prefix) *IPSet {
	s := &IPSet{}
	s.Store(prefixes)
	return s
}

// Store replaces the set at once; requests see the old or the new one whole.
func (s *IPSet) Store(prefixes []netip.Prefix) {
	t := &bart.Lite{}
	for _, p := range prefixes {
		t.Insert(unmapPrefix(p))
	}
	s.table.Store(t)
}

// Contains says whether the address is in the set.
func (s *IPSet) Contains(a netip.Addr) bool { return s.table.Load().Contains(a.Unmap()) }

func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// RegexSet is a regex pattern set that programs hold and its owner swaps.
type RegexSet struct{ patterns atomic.Pointer[[]*pattern] }

// NewRegexSet returns a set of the patterns, or the Error of the first that is
// none.
func NewRegexSet(patterns []string) (*RegexSet, error) {
	s := &RegexSet{}
	return s, s.Store(patterns)
}

// Store replaces the set at once, or leaves it and returns an Error.
func (s *RegexSet) Store(patterns []string) error {
	out := make([]*pattern, 0, len(patterns))
	for _, p := range patterns {
		c, err := compilePattern(p)
		if err != nil {
			return err
		}
		out = append(out, c)
	}
	s.patterns.Store(&out)
	return nil
}

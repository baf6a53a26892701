package waf

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf/literal"
	"github.com/garrison-cloud/garrison/engine/waf/rate"
	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// statement compiles a statement that has been validated.
func (c *compiler) statement(s *Statement, at room) (node, error) {
	switch {
	case s.And != nil:
		subs, sum, err := c.several(s.And, at)
		return &andNode{subs, sum}, err
	case s.Or != nil:
		subs, sum, err := c.several(s.Or, at)
		return &orNode{subs, sum}, err
	case s.Not != nil:
		sub, err := c.statement(s.Not, at)
		return &notNode{sub}, err
	case s.RateBased != nil:
		return c.rateBased(s.RateBased, at)
	case s.LabelMatch != nil:
		return newLabelNode(s.LabelMatch, at.prefix), nil
	case s.IPSet != nil, s.GeoMatch != nil, s.AsnMatch != nil:
		return c.addressed(s)
	}
	return c.inspecting(s)
}

// several compiles the parts of And and Or, and puts cheap ones first: none of
// them has an effect but geography, whose labels later parts may ask for.
func (c *compiler) several(subs []Statement, at room) ([]node, int, error) {
	nodes, sum, geo := make([]node, 0, len(subs)), 0, false
	for i := range subs {
		n, err := c.statement(&subs[i], at)
		if err != nil {
			return nil, 0, err
		}
		nodes = append(nodes, n)
		sum += n.cost()
		geo = geo || subs[i].hasGeo()
	}
	if !geo {
		slices.SortStableFunc(nodes, func(a, b node) int { return cmp.Compare(a.cost(), b.cost()) })
	}
	return nodes, sum, nil
}

func (s *Statement) hasGeo() bool {
	has := func(s Statement) bool { return s.hasGeo() }
	return s.GeoMatch != nil || s.Not != nil && s.Not.hasGeo() || slices.ContainsFunc(s.And, has) || slices.ContainsFunc(s.Or, has)
}

func (c *compiler) addressed(s *Statement) (node, error) {
	switch {
	case s.GeoMatch != nil:
		n := &geoNode{countries: map[string]bool{}, forwarded: first(s.GeoMatch.Forwarded), prefix: "awswaf:clientip:geo:"}
		if n.forwarded != nil {
			n.prefix = "awswaf:forwardedip:geo:"
		}
		for _, country := range s.GeoMatch.Countries {
			n.countries[country] = true
		}
		return n, nil
	case s.AsnMatch != nil:
		n := &asnNode{numbers: map[uint32]bool{}, forwarded: first(s.AsnMatch.Forwarded)}
		for _, number := range s.AsnMatch.ASNs {
			n.numbers[number] = true
		}
		return n, nil
	}
	var set *IPSet
	if c.deps.IPSet != nil {
		set = c.deps.IPSet(s.IPSet.ARN)
	}
	if set == nil {
		return nil, invalid("IP_SET_REFERENCE_STATEMENT", s.IPSet.ARN, "The IP set does not exist.")
	}
	n := &ipNode{set: set}
	if s.IPSet.Forwarded != nil {
		f := *s.IPSet.Forwarded
		n.forwarded = &f
	}
	return n, nil
}

// first is a forwarding header of which the first address counts.
func first(f *ForwardedIP) *ForwardedIP {
	if f == nil {
		return nil
	}
	return &ForwardedIP{Header: f.Header, Fallback: f.Fallback, Position: "FIRST"}
}

func (c *compiler) inspecting(s *Statement) (node, error) {
	switch {
	case s.ByteMatch != nil:
		return c.byteMatch(s.ByteMatch), nil
	case s.SqliMatch != nil:
		i, where := c.slot(&s.SqliMatch.Inspect)
		return &sqliNode{slot: i, high: s.SqliMatch.Sensitivity == "HIGH", location: where}, nil
	case s.XssMatch != nil:
		i, where := c.slot(&s.XssMatch.Inspect)
		return &xssNode{slot: i, location: where}, nil
	case s.SizeConstraint != nil:
		i, _ := c.slot(&s.SizeConstraint.Inspect)
		return &sizeNode{slot: i, compare: s.SizeConstraint.Comparison, size: s.SizeConstraint.Size}, nil
	case s.RegexMatch != nil:
		return c.regexMatch(s.RegexMatch)
	case s.RegexPatternSet != nil:
		var set *RegexSet
		if c.deps.RegexSet != nil {
			set = c.deps.RegexSet(s.RegexPatternSet.ARN)
		}
		if set == nil || set.patterns.Load() == nil {
			return nil, invalid("REGEX_PATTERN_REFERENCE_STATEMENT", s.RegexPatternSet.ARN, "The regex pattern set does not exist.")
		}
		i, _ := c.slot(&s.RegexPatternSet.Inspect)
		return &regexSetNode{slot: i, set: set}, nil
	}
	return nil, invalid("STATEMENT", "", reasonOptions)
}

func (c *compiler) byteMatch(m *ByteMatch) node {
	i, _ := c.slot(&m.Inspect)
	n := &byteNode{slot: i, search: string(m.Search), position: m.Position}
	if m.Position == Contains || m.Position == ContainsWord {
		n.word = c.words[i].Add(n.search, true)
	}
	return n
}

func (c *compiler) regexMatch(m *RegexMatch) (node, error) {
	p, err := compilePattern(m.Pattern)
	if err != nil {
		return nil, err
	}
	i, _ := c.slot(&m.Inspect)
	n := &regexNode{slot: i, pattern: p}
	for _, need := range p.need {
		n.words = append(n.words, c.words[i].Add(need, false))
	}
	return n, nil
}

// slot returns the plan's slot of a component after transformations, made once
// for all statements that look at it, and the component's name in logs.
func (c *compiler) slot(i *Inspect) (at int, location string) {
	f := c.field(&i.Field)
	at = c.slotOf(slotKey{f, -1, transform.None})
	for _, kind := range chain(i.Transformations) {
		at = c.slotOf(slotKey{f, at, kind})
	}
	return at, c.p.fields[f].location
}

// chain orders transformations by priority, without those that do nothing.
func chain(ts []Transformation) []transform.Kind {
	sorted := slices.SortedFunc(slices.Values(ts), func(a, b Transformation) int { return cmp.Compare(a.Priority, b.Priority) })
	var out []transform.Kind
	for _, t := range sorted {
		if kind, _ := transform.Parse(t.Kind); kind != transform.None {
			out = append(out, kind)
		}
	}
	return out
}

func (c *compiler) slotOf(k slotKey) int {
	if i, ok := c.slots[k]; ok {
		return i
	}
	i := len(c.p.slots)
	c.slots[k] = i
	c.p.slots = append(c.p.slots, slot{field: k.field, parent: k.parent, kind: k.kind})
	c.words = append(c.words, literal.Builder{})
	return i
}

func (c *compiler) field(f *FieldToMatch) int {
	key := fieldKey(f)
	if i, ok := c.fields[key]; ok {
		return i
	}
	i := len(c.p.fields)
	c.fields[key] = i
	c.p.fields = append(c.p.fields, newField(f))
	return i
}

func (c *compiler) rateBased(r *RateBased, at room) (node, error) {
	window := cmp.Or(r.Window, 300)
	n := &rateNode{aggregate: r.Aggregate, forwarded: first(r.Forwarded), rule: at.path, limit: r.Limit, window: window}
	for _, k := range r.Keys {
		n.keys = append(n.keys, rateKey{k, chain(k.Transformations)})
	}
	if r.ScopeDown != nil {
		var err error
		if n.scope, err = c.statement(r.ScopeDown, at); err != nil {
			return nil, err
		}
	}
	shape, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("digest rate-based statement of %s: %w", at.path, err)
	}
	id := rate.ID{ACL: c.acl.ARN, Rule: at.path, Shape: sha256.Sum256(shape)}
	n.counter = c.deps.Rates.Counter(id, time.Duration(window)*time.Second, r.Limit)
	c.counted = append(c.counted, at.path)
	return n, nil
}

func newField(f *FieldToMatch) field {
	out := field{spec: *f}
	out.extract, out.location = extractor(f.Kind)
	names := f.Included
	if len(f.Excluded) > 0 {
		names = f.Excluded
	}
	if f.Kind == JSONBody || len(names) == 0 {
		return out
	}
	out.picked = map[string]bool{}
	for _, n := range names {
		if f.Kind == Headers {
			n = lowerName(n)
		}
		out.picked[n] = true
	}
	return out
}

func lowerName(s string) string { return strings.ToLower(s) }

// extractor returns how a component is read, and its location in logs.
func extractor(kind FieldKind) (extract func(*run, *field, *fieldState), location string) {
	switch kind {
	case SingleHeader:
		return extractSingleHeader, "HEADER"
	case SingleQueryArgument:
		return extractSingleArgument, "SINGLE_QUERY_ARG"
	case AllQueryArguments:
		return extractAllArguments, "ALL_QUERY_ARGS"
	case URIPath:
		return extractURIPath, "URI"
	case QueryString:
		return extractQuery, "QUERY_STRING"
	case Body:
		return extractBody, "BODY"
	case JSONBody:
		return extractJSON, "JSON_BODY"
	case Headers:
		return extractHeaders, "HEADER"
	case Cookies:
		return extractCookies, "COOKIE"
	case HeaderOrder:
		return extractHeaderOrder, "HEADER_ORDER"
	case JA3Fingerprint:
		return extractJA3, "JA3_FINGERPRINT"
	case JA4Fingerprint:
		return extractJA4, "JA4_FINGERPRINT"
	case URIFragment:
		return extractFragment, "URI_FRAGMENT"
	default:
		return extractMethod, "METHOD"
	}
}
